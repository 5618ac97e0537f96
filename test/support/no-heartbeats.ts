/** What keeps the real time: everything but intervals. */
const REAL: FakeableAPI[] = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setTimeout',
  'clearTimeout',
];

/**
 * No store of this `describe` sends heartbeats. They come by the real clock: one that is under way while the turned one jumps
 * is answered late by all that was jumped, and a store that was answered late is right to count from later.
 */
export function withoutHeartbeats(): void {
  beforeAll(() => jest.useFakeTimers({ doNotFake: REAL }));
  afterAll(() => jest.useRealTimers());
}
