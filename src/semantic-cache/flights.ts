import type { Cancellable } from '../core/cancel-signal';
import type { NanoUsd } from '../core/money';
import type { AnswerOrigin } from './answers/cache-entry';
import type { LiveAnswer } from './answers/live-answer';
import type { CacheEntry } from './answers/cache-entry';

/** More questions at a time than one process can have open; beyond it nobody waits for anybody. */
const MAX_FLIGHTS = 10_000;

/** A streamed answer that others may have as it comes. */
export interface Shared {
  readonly live: LiveAnswer;
  readonly origin: Omit<AnswerOrigin, 'costNanoUsd'>;
  /** The bound that the limits of who asks have set on it. */
  readonly outputBound: number | undefined;
  /** What it has cost so far. */
  readonly cost: () => NanoUsd;
}

/** What the leader of a flight owes those who follow. The first outcome counts. */
export interface Flight {
  /** The answer has begun, and comes as a stream. */
  begin(shared: Shared): void;
  /** The answer, or null when there will be none to share. */
  land(entry: CacheEntry | null): void;
  /** No one can join any more: from now on the store has the answer, or there is none. */
  end(): void;
}

/** What those who follow wait for. */
export interface Leading {
  /** The answer as it comes; null when it comes in one piece, or not at all. */
  readonly begun: Promise<Shared | null>;
  /** The complete answer; null when there is none to share. */
  readonly landed: Promise<CacheEntry | null>;
}

/** Requests for the same answer at the same time, in this process: the first asks the provider, the others wait for it. */
export class Flights {
  private readonly open = new Map<string, Leading>();

  /** What the leader comes to; null when nobody is asking for this right now. */
  following(key: string): Leading | null {
    return this.open.get(key) ?? null;
  }

  /** Opens a flight that others can follow. */
  lead(key: string): Flight {
    if (this.open.size >= MAX_FLIGHTS || this.open.has(key)) return NO_FOLLOWERS;
    const [begun, landed] = [new Promised<Shared | null>(), new Promised<CacheEntry | null>()];
    const flight: Leading = { begun: begun.promise, landed: landed.promise };
    this.open.set(key, flight);
    const land = (entry: CacheEntry | null): void => {
      begun.resolve(null);
      landed.resolve(entry);
    };
    const end = (): void => {
      land(null);
      if (this.open.get(key) === flight) this.open.delete(key);
    };
    return { begin: begun.resolve, land, end };
  }
}

/** A promise that somebody else keeps. */
class Promised<T> {
  resolve: (value: T) => void = () => {};
  readonly promise = new Promise<T>((resolve) => (this.resolve = resolve));
}

const NO_FOLLOWERS: Flight = { begin: () => {}, land: () => {}, end: () => {} };

/** Waits at most so long, and not for a client that has left: null then. */
export function within<T>(promise: Promise<T | null>, milliseconds: number, signal: Cancellable): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(null);
    }
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
    promise.then((value) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(value);
    }, reject);
  });
}
