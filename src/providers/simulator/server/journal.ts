import { Ring } from './ring';

/** What really happened in one call: the oracle for tests of billing. */
export interface JournalEntry {
  /** Also in the response header `x-simulator-call-id`. */
  readonly callId: string;
  /** RFC 3339. */
  readonly at: string;
  readonly prefix: string;
  readonly path: string;
  readonly model: string;
  readonly stream: boolean;
  /** HTTP status that was sent; 0 when the connection ended before any. */
  readonly status: number;
  /** Faults that were applied, as written; null when there were none. */
  readonly fault: string | null;
  /** Bytes of the body that were handed to the socket. */
  readonly bytesSent: number;
  /** All tokens read, cached ones included. Zero when the call was refused. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** Tokens billed as output: of a stream that was cut or left, those generated until then. */
  readonly outputTokens: number;
  /** What the usage in the answer was multiplied by; 1 is honest. */
  readonly billFactor: number;
  /** The whole answer was sent and the client took it. */
  readonly finished: boolean;
  /** Who ended a call that did not finish. */
  readonly closedBy: 'client' | 'server' | null;
  readonly idempotencyKey: string | null;
  /** Of the request, as received: tells which request of a client a call belongs to. */
  readonly traceparent: string | null;
  /** Names of the request headers, in lower case, sorted. */
  readonly headers: readonly string[];
  readonly authorizationSeen: boolean;
}

export type JournalDraft = { -readonly [Field in keyof JournalEntry]: JournalEntry[Field] };

/** Entries kept: a longer run reads the journal more often. */
const CAPACITY = 20_000;

export class TruthJournal {
  private readonly ring = new Ring<JournalDraft>(CAPACITY);

  /** The entry is in the journal at once and completed while the call goes on. */
  open(entry: JournalDraft): JournalDraft {
    this.ring.add(entry);
    return entry;
  }

  entries(): readonly JournalEntry[] {
    return this.ring.newest().map((entry) => ({ ...entry }));
  }

  clear(): void {
    this.ring.clear();
  }
}
