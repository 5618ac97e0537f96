import type { TargetName } from '../core/context';

/** How long a provider keeps a cached prompt after its last use (OpenAI and Anthropic: five minutes and more). */
const KEPT_MS = 300_000;
/** Conversations remembered by one replica; the one that was silent longest goes first. */
const MAX_SESSIONS = 20_000;

interface Session {
  readonly provider: string;
  readonly model: string;
  readonly untilMs: number;
}

/** Where the last turn of a conversation was answered: its provider still has the prompt in its cache. */
export class SessionAffinity {
  /** In the order of their last use. */
  private readonly sessions = new Map<string, Session>();

  constructor(
    private readonly nowMs: () => number,
    private readonly maxSessions = MAX_SESSIONS,
  ) {}

  isAt(key: string, { provider, model }: TargetName): boolean {
    const session = this.sessions.get(key);
    if (!session || session.untilMs <= this.nowMs()) return false;
    return session.provider === provider && session.model === model;
  }

  keep(key: string, { provider, model }: TargetName): void {
    this.sessions.delete(key);
    this.sessions.set(key, { provider, model, untilMs: this.nowMs() + KEPT_MS });
    if (this.sessions.size <= this.maxSessions) return;
    const oldest = this.sessions.keys().next();
    if (!oldest.done) this.sessions.delete(oldest.value);
  }
}
