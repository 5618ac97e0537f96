import { randomUUID } from 'node:crypto';
import { Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { CacheOutcomes } from './cache-outcomes';
import { fromNamed, since, toNamed, type Counted } from './named-counts';
import { CountStore, HOUR_MS, type NamedCounts } from './store/count.store';

/** How often a replica says what it has counted. */
const SAY_MS = 5_000;

/** What was counted, since when, and whether by all replicas. */
export interface CountedHours extends Counted {
  readonly sinceMs: number;
  readonly isShared: boolean;
}

/** What the cache did on all replicas, by the hour. Each says what it has counted itself, and reads what all have said. */
@Injectable()
export class HourlyCounts implements OnModuleInit, BeforeApplicationShutdown {
  private readonly replica = randomUUID();
  private timer: NodeJS.Timeout | undefined;
  private hour: number;
  /** At the beginning of the hour. */
  private before: NamedCounts = new Map();
  /** What was said of the hour last. */
  private said: NamedCounts = new Map();
  private saying: Promise<void> = Promise.resolve();

  constructor(
    private readonly outcomes: CacheOutcomes,
    private readonly store: CountStore,
    private readonly clock: Clock,
  ) {
    this.hour = this.hourNow();
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.trySaying(), SAY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.trySaying();
  }

  /** Of so many hours, the one that runs included; this replica's up to now, others' up to a few seconds ago. */
  async last(hours: number): Promise<CountedHours> {
    await this.say();
    const to = this.hourNow();
    const from = to - hours + 1;
    const sinceMs = this.store.isShared ? from * HOUR_MS : Math.max(from * HOUR_MS, this.outcomes.sinceMs);
    return { ...fromNamed(await this.store.sum(from, to)), sinceMs, isShared: this.store.isShared };
  }

  /** What cannot be said now is said next time. */
  private async trySaying(): Promise<void> {
    await this.say().catch(() => this.outcomes.metrics.failure('count'));
  }

  /** One after the other: what is said while an hour ends is of one hour only. */
  private say(): Promise<void> {
    const saying = this.saying.then(() => this.sayNow());
    this.saying = saying.catch(() => {});
    return saying;
  }

  private async sayNow(): Promise<void> {
    const { metrics, shadow } = this.outcomes;
    const now = toNamed({ counts: metrics.counts(), checked: shadow.rows });
    const { hour } = this;
    const counted = since(this.before, now);
    const news = new Map([...counted].filter(([name, count]) => this.said.get(name) !== count));
    const thisHour = this.hourNow();
    if (news.size > 0) await this.store.keep(hour, this.replica, news);
    if (thisHour === hour) this.said = counted;
    else [this.hour, this.before, this.said] = [thisHour, now, new Map()];
  }

  private hourNow(): number {
    return Math.floor(this.clock.now() / HOUR_MS);
  }
}
