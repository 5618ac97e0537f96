import { seededRandom } from '../../src/rate-limit/testing/seeded-random';

/** Times at which calls come, in milliseconds, for a limit of so many in a window. */
export type Trace = readonly number[];

export interface TraceSize {
  readonly windowMs: number;
  readonly limit: number;
}

/** Calls that know nothing of each other, `load` times as many as the limit allows. */
export function poisson({ windowMs, limit }: TraceSize, load: number, windows: number): Trace {
  const chance = seededRandom(42);
  const times: number[] = [];
  for (let at = 0; at < windows * windowMs;) {
    at += (-Math.log(1 - chance()) * windowMs) / (load * limit);
    times.push(Math.floor(at));
  }
  return times;
}

/** Now and then a burst of anything up to 60 % of the limit. */
export function bursty({ windowMs, limit }: TraceSize, windows: number): Trace {
  const chance = seededRandom(7);
  const times: number[] = [];
  for (let at = 0; at < windows * windowMs;) {
    at += (-Math.log(1 - chance()) * windowMs) / 3;
    const size = Math.floor(chance() * 0.6 * limit);
    for (let index = 0; index < size; index += 1) times.push(Math.floor(at + (index * windowMs) / 3_000));
  }
  return times.sort((a, b) => a - b);
}

/** Full bursts on both sides of a window's edge, every window or every third, and a trickle between them. */
export function edge({ windowMs, limit }: TraceSize, windows: number, isSparse: boolean): Trace {
  const times: number[] = [];
  for (let window = 1; window <= windows; window += 1) {
    const at = window * (isSparse ? 3 : 1) * windowMs;
    for (let index = 0; index < limit; index += 1) times.push(at - 1, at);
    for (let after = 0; after < windowMs; after += windowMs / (1.2 * limit)) times.push(Math.floor(at + after));
  }
  return times.sort((a, b) => a - b);
}
