import fc from 'fast-check';
import { depletedUntilMs, learnt, resetInMs, spentOne, UNKNOWN_QUOTA } from './quota';

const NOW = Date.UTC(2026, 10, 23);

describe('resetInMs', () => {
  it.each([
    ['6m0s', 360_000],
    ['1h2m3s', 3_600_000 + 123_000],
    ['12.5s', 12_500],
    ['20ms', 20],
    ['1m12s', 72_000],
    ['0s', 0],
    ['3', 3000],
    ['2026-11-23T00:00:10Z', 10_000],
    ['2020-01-01T00:00:00Z', 0],
  ])('%s', (value, expected) => {
    const isTooFar = expected > 3_600_000;
    expect(resetInMs(value, NOW)).toBe(isTooFar ? null : expected);
  });

  it.each(['', 'soon', '-5', '5 s', '1m foo', '1e9', '999999999999999s', '2999-01-01T00:00:00Z'])(
    'nothing is learnt from "%s"',
    (value) => {
      expect(resetInMs(value, NOW)).toBeNull();
    },
  );

  it('takes any text without harm', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (value) => {
        const waitMs = resetInMs(value, NOW);
        expect(waitMs === null || (waitMs >= 0 && waitMs <= 3_600_000)).toBe(true);
      }),
    );
  });
});

describe('learnt', () => {
  const openai = {
    'x-ratelimit-limit-requests': '500',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '120ms',
    'x-ratelimit-remaining-tokens': '900',
    'x-ratelimit-reset-tokens': '6s',
  };

  it('reads OpenAI’s headers', () => {
    expect(learnt(UNKNOWN_QUOTA, openai, NOW)).toEqual({
      requests: { limit: 500, remaining: 0, resetAtMs: NOW + 120 },
      tokens: { limit: null, remaining: 900, resetAtMs: NOW + 6000 },
    });
  });

  it('reads Anthropic’s headers', () => {
    const headers = {
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '49',
      'anthropic-ratelimit-requests-reset': '2026-11-23T00:00:01Z',
      'anthropic-ratelimit-input-tokens-limit': '1000',
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-23T00:01:00Z',
    };
    expect(learnt(UNKNOWN_QUOTA, headers, NOW)).toEqual({
      requests: { limit: 50, remaining: 49, resetAtMs: NOW + 1000 },
      tokens: { limit: 1000, remaining: 0, resetAtMs: NOW + 60_000 },
    });
  });

  it('keeps what it knew when an answer says nothing or nonsense', () => {
    const known = learnt(UNKNOWN_QUOTA, openai, NOW);
    expect(learnt(known, { 'content-type': 'application/json' }, NOW)).toBe(known);
    expect(learnt(known, { 'x-ratelimit-remaining-requests': 'many' }, NOW)).toBe(known);
  });

  it('is depleted until the reset, for requests, and for tokens when the prompt is certainly larger', () => {
    const known = learnt(UNKNOWN_QUOTA, openai, NOW);
    expect(depletedUntilMs(known, 10, NOW)).toBe(NOW + 120);
    expect(depletedUntilMs(known, 10, NOW + 120)).toBeNull();
    expect(depletedUntilMs(known, 1125, NOW + 120)).toBeNull();
    expect(depletedUntilMs(known, 1126, NOW + 120)).toBe(NOW + 6000);
    expect(depletedUntilMs(UNKNOWN_QUOTA, 1e9, NOW)).toBeNull();
  });

  it('counts what was sent since', () => {
    const one = learnt(UNKNOWN_QUOTA, { ...openai, 'x-ratelimit-remaining-requests': '1' }, NOW);
    expect(depletedUntilMs(one, 1, NOW)).toBeNull();
    expect(depletedUntilMs(spentOne(one), 1, NOW)).toBe(NOW + 120);
    expect(spentOne(UNKNOWN_QUOTA)).toBe(UNKNOWN_QUOTA);
  });
});
