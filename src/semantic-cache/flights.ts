import type { Cancellable } from '../core/cancel-signal';
import type { CacheEntry } from './answers/cache-entry';

/** More questions at a time than one process can have open; beyond it nobody waits for anybody. */
const MAX_FLIGHTS = 10_000;

/** What the leader of a flight owes those who follow. The first outcome counts. */
export interface Flight {
  /** The answer, or null when there will be none to share. */
  land(entry: CacheEntry | null): void;
  /** No one can join any more: from now on the store has the answer, or there is none. */
  end(): void;
}

interface Open {
  readonly landed: Promise<CacheEntry | null>;
}

/** Requests for the same answer at the same time, in this process: the first asks the provider, the others wait for it. */
export class Flights {
  private readonly open = new Map<string, Open>();

  /** What the leader comes to; null when nobody is asking for this right now. */
  following(key: string): Promise<CacheEntry | null> | null {
    return this.open.get(key)?.landed ?? null;
  }

  /** Opens a flight that others can follow. */
  lead(key: string): Flight {
    if (this.open.size >= MAX_FLIGHTS || this.open.has(key)) return NO_FOLLOWERS;
    let settle: (entry: CacheEntry | null) => void = () => {};
    const flight: Open = {
      landed: new Promise((resolve) => {
        settle = resolve;
      }),
    };
    this.open.set(key, flight);
    const end = (): void => {
      settle(null);
      if (this.open.get(key) === flight) this.open.delete(key);
    };
    return { land: settle, end };
  }
}

const NO_FOLLOWERS: Flight = { land: () => {}, end: () => {} };

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
