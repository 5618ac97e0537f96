import { chosenRange } from './ranges';

const NOW = Date.parse('2026-11-28T12:30:00Z');
const choose = (from?: string, to?: string, range?: string) => chosenRange({ range, from, to }, NOW);
const spanOf = ({ from, to }: { from: Date; to: Date }): string => `${from.toISOString()} ${to.toISOString()}`;

describe('the range of a page', () => {
  it('is a day unless something else is chosen', () => {
    expect(choose()).toMatchObject({ range: '24h', query: { range: '24h' } });
    expect(choose(undefined, undefined, '7d').range).toBe('7d');
    expect(choose(undefined, undefined, 'toString').range).toBe('24h');
  });

  it('is whole days of one’s own, compared with as many before', () => {
    const chosen = choose('2026-11-01', '2026-11-10');
    expect(spanOf(chosen.now)).toBe('2026-11-01T00:00:00.000Z 2026-11-11T00:00:00.000Z');
    expect(spanOf(chosen.before)).toBe('2026-10-22T00:00:00.000Z 2026-11-01T00:00:00.000Z');
    expect(chosen).toMatchObject({ range: null, label: '2026-11-01 to 2026-11-10', bucketMs: 6 * 3_600_000 });
    expect(chosen.query).toEqual({ from: '2026-11-01', to: '2026-11-10' });
  });

  it('of a day that is not over is compared up to the same hour', () => {
    const chosen = choose('2026-11-28');
    expect(spanOf(chosen.now)).toBe('2026-11-28T00:00:00.000Z 2026-11-29T00:00:00.000Z');
    expect(spanOf(chosen.before)).toBe('2026-11-27T00:00:00.000Z 2026-11-27T12:30:00.000Z');
    expect(chosen.bucketMs).toBe(3_600_000);
  });

  it('is cut into parts that a chart can show', () => {
    expect(choose('2026-01-01', '2026-11-28').bucketMs).toBe(24 * 3_600_000);
  });

  it.each([
    ['no day', '2026-02-30', '2026-03-01', 'from', 'Write a day'],
    ['no date', 'yesterday', undefined, 'from', 'Write a day'],
    ['a last day that is none', '2026-11-01', '2026-13-01', 'to', 'Write a day'],
    ['the wrong order', '2026-11-10', '2026-11-01', 'from', 'must not be after'],
    ['too long a time', '2024-01-01', '2026-11-01', 'from', 'At most 366 days'],
  ])('is refused for %s', (_, from, to, param, message) => {
    expect(() => choose(from, to)).toThrow(
      expect.objectContaining({ param, message: expect.stringContaining(message) }),
    );
  });
});
