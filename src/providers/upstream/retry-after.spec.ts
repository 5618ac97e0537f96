import { retryAfterMs } from './retry-after';

const NOW = Date.parse('2026-11-23T12:00:00Z');

describe('retryAfterMs', () => {
  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after-ms': '174' }, 174],
    [{ 'retry-after-ms': '174', 'retry-after': '9' }, 174],
    [{ 'retry-after-ms': 'junk', 'retry-after': '9' }, 9000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': '999999999999' }, 86_400_000],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('%j is %p', (headers, expected) => expect(retryAfterMs(headers, NOW)).toBe(expected));
});
