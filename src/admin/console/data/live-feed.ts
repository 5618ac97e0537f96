import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RequestQueries } from '../../../billing';
import { OverloadedError } from '../../../core/errors';
import { HealthService } from '../../../platform/health/health.service';

const LOOK_EVERY_MS = 1_000;
/** Without news, so that figures of a quiet hour grow old visibly, and dead connections are noticed. */
const TICK_EVERY_LOOKS = 15;
/** The browser comes back by itself, and is asked anew who it is. */
const MAX_LOOKS = 600;
const MAX_LISTENERS = 500;

export type LiveEvent = 'usage' | 'tick';

interface Listener {
  readonly tell: (event: LiveEvent) => void;
  readonly end: () => void;
  looks: number;
}

/** Tells open pages that there is something new, never what: they fetch it, as far as they may see it. */
@Injectable()
export class LiveFeed implements OnModuleDestroy {
  private readonly listeners = new Set<Listener>();
  private timer: NodeJS.Timeout | undefined;
  private newest: string | null = null;
  private isLooking = false;

  constructor(
    private readonly requests: RequestQueries,
    private readonly health: HealthService,
  ) {}

  /** Returns how to stop listening. Throws when too many listen on this replica. */
  listen(tell: Listener['tell'], end: Listener['end']): () => void {
    if (this.listeners.size >= MAX_LISTENERS)
      throw new OverloadedError('Too many pages are open on this replica.', LOOK_EVERY_MS);
    const listener: Listener = { tell, end, looks: 0 };
    this.listeners.add(listener);
    this.timer ??= setInterval(() => void this.look(), LOOK_EVERY_MS);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.rest();
    };
  }

  onModuleDestroy(): void {
    this.endAll();
  }

  private async look(): Promise<void> {
    if (this.health.isDraining) return this.endAll();
    if (this.isLooking) return;
    this.isLooking = true;
    // While the database is away there is no news.
    const newest = await this.requests.newestId().catch(() => this.newest);
    this.isLooking = false;
    const isNews = newest !== this.newest;
    this.newest = newest;
    for (const listener of this.listeners) {
      listener.looks += 1;
      if (listener.looks > MAX_LOOKS) listener.end();
      else if (isNews) listener.tell('usage');
      else if (listener.looks % TICK_EVERY_LOOKS === 0) listener.tell('tick');
    }
  }

  private endAll(): void {
    for (const { end } of this.listeners) end();
    this.listeners.clear();
    this.rest();
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.newest = null;
  }
}
