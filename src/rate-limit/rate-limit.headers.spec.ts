import type { RateLimitState } from '../core/context';
import { openAiDuration, rateLimitHeaders } from './rate-limit.headers';
import { contextOf, identityWith } from './testing/limited-request';
import { TurnedClock } from './testing/turned-clock';

describe('rateLimitHeaders', () => {
  const state: RateLimitState = {
    requests: { limit: 60, remaining: 12, resetMs: 59_500 },
    tokens: { limit: 100_000, remaining: 0, resetMs: 360_000 },
    degraded: false,
  };
  const headersOf = (rateLimit: RateLimitState | undefined, dialect: 'openai' | 'anthropic') => {
    const context = contextOf(new TurnedClock(), identityWith());
    context.rateLimit = rateLimit;
    const list = rateLimitHeaders(Object.assign(context, { dialect }));
    return Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]]] : [])));
  };

  it('says nothing where nothing is limited', () => {
    expect(headersOf(undefined, 'openai')).toEqual({});
    expect(headersOf({ requests: null, tokens: null, degraded: false }, 'anthropic')).toEqual({});
  });

  it('speaks OpenAI', () => {
    expect(headersOf(state, 'openai')).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '12',
      'x-ratelimit-reset-requests': '1m0s',
      'x-ratelimit-limit-tokens': '100000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '6m0s',
    });
  });

  it('speaks Anthropic as well, with times that are never too early', () => {
    expect(headersOf({ ...state, tokens: null }, 'anthropic')).toMatchObject({
      'x-ratelimit-limit-requests': '60',
      'anthropic-ratelimit-requests-limit': '60',
      'anthropic-ratelimit-requests-remaining': '12',
      // 59.5 s after 2027-01-15T08:00:00Z.
      'anthropic-ratelimit-requests-reset': '2027-01-15T08:01:00Z',
    });
  });

  it('says when this replica decided alone', () => {
    expect(headersOf({ ...state, degraded: true }, 'openai')['x-gateway-ratelimit']).toBe('degraded');
  });

  it.each([
    [0, '0ms'],
    [0.2, '1ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_001, '2s'],
    [360_000, '6m0s'],
    [3_723_000, '1h2m3s'],
  ])('writes %d ms as %s', (milliseconds, text) => expect(openAiDuration(milliseconds)).toBe(text));
});
