import type { GatewayContext, Identity } from '../core/context';
import { GatewayError } from '../core/errors';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { RateLimitMetrics } from './rate-limit.metrics';
import { RateLimitService } from './rate-limit.service';
import { MemoryRateLimitStore } from './store/memory.rate-limit-store';
import type { Admission, AdmissionResult } from './store/rate-limit.store';
import { ChangingConfig, contextOf, identityWith, ledgerThatUsed, type Asked } from './testing/limited-request';
import { TurnedClock } from './testing/turned-clock';

/** The memory store, and how often it was asked. */
class CountingStore extends MemoryRateLimitStore {
  asked = 0;
  answer: AdmissionResult | null = null;

  override admit(admission: Admission): Promise<AdmissionResult> {
    this.asked += 1;
    return this.answer ? Promise.resolve(this.answer) : super.admit(admission);
  }
}

describe('RateLimitService', () => {
  let clock: TurnedClock;
  let config: ChangingConfig;
  let store: CountingStore;
  let service: RateLimitService;
  let metrics: MetricsRegistry;

  beforeEach(() => {
    clock = new TurnedClock();
    config = new ChangingConfig();
    store = new CountingStore(() => clock.monotonic());
    metrics = new MetricsRegistry();
    service = new RateLimitService(store, config, new RateLimitMetrics(metrics), clock);
  });

  const ask = async (identity: Identity, asked: Asked = {}): Promise<GatewayContext> => {
    const context = contextOf(clock, identity, asked);
    await service.admit(context);
    return context;
  };
  const refusal = async (identity: Identity, asked: Asked = {}): Promise<GatewayError> => {
    const error: unknown = await ask(identity, asked).then(
      () => new Error('was admitted'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof GatewayError)) throw error;
    return error;
  };
  const used = async (key: string): Promise<number> =>
    (await store.usage([{ key, windowMs: 60_000 }], [])).windows[0]!.used;

  it('lets pass what nobody limits, without asking the store', async () => {
    const context = await ask(identityWith());
    expect(store.asked).toBe(0);
    expect(context.rateLimit).toBeUndefined();
    expect(context.decisions).toMatchObject([{ stage: 'rate_limit', what: 'no_limits' }]);
  });

  it('names the scope and what ran out, and a wait after which the same call is admitted', async () => {
    const identity = identityWith({ team: { requestsPerMinute: 2 }, key: { requestsPerMinute: 10 } });
    await ask(identity);
    clock.advance(400);
    await ask(identity);
    const error = await refusal(identity);
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    expect(error.message).toContain('team "search": 2 requests per minute are used up');
    expect(error.facts).toMatchObject({
      scope: 'team',
      scope_id: 'team_1',
      resource: 'requests',
      limit: 2,
      remaining: 0,
    });
    expect(await used('r:key:key_1')).toBe(2);
    clock.advance((error.retryAfterMs ?? 0) - 1);
    await refusal(identity);
    clock.advance(1);
    await ask(identity);
  });

  it.each(['key', 'user', 'team', 'department'] as const)('holds the limit of the %s', async (scope) => {
    const identity = identityWith({ [scope]: { requestsPerMinute: 1 } });
    await ask(identity);
    expect((await refusal(identity)).facts).toMatchObject({ scope });
  });

  it('counts the team, not the key, against the limit of a team', async () => {
    const limits = { team: { requestsPerMinute: 2 } };
    await ask(identityWith(limits, 'key_1'));
    await ask(identityWith(limits, 'key_2'));
    await refusal(identityWith(limits, 'key_3'));
  });

  it('applies the default to what a key leaves open, and each key has its own', async () => {
    config.set({ default: { requests_per_minute: 1, max_concurrency: 5 } });
    await ask(identityWith({}, 'key_1'));
    await refusal(identityWith({}, 'key_1'));
    await ask(identityWith({}, 'key_2'));
    const own = identityWith({ key: { requestsPerMinute: 3 } }, 'key_3');
    for (let index = 0; index < 3; index += 1) await ask(own);
    expect((await refusal(own)).facts).toMatchObject({ limit: 3 });
  });

  it('limits the organisation: all callers of all models together', async () => {
    config.set({ organization: { requests_per_minute: 2, max_concurrency: 2 } });
    const first = await ask(identityWith({}, 'key_1'));
    expect(first.rateLimit?.requests).toMatchObject({ limit: 2, remaining: 1 });
    await ask(identityWith({}, 'key_2'), { model: 'gpt-4o-mini' });
    const error = await refusal(identityWith({}, 'key_3'));
    expect(error.message).toContain('for the organization: 2 requests per minute are used up');
    expect(error.facts).toMatchObject({ scope: 'organization', scope_id: 'main' });
  });

  it('limits a model for all callers together, and only that model', async () => {
    config.set({ models: { 'gpt-4o': { requests_per_minute: 1 } } });
    await ask(identityWith({}, 'key_1'));
    expect((await refusal(identityWith({}, 'key_2'))).message).toContain('model "gpt-4o"');
    await ask(identityWith(), { model: 'gpt-4o-mini' });
    await ask(identityWith(), { model: 'constructor' });
  });

  it('limits a model also under the name of its provider', async () => {
    config.set({ models: { 'gpt-4o': { requests_per_minute: 2 }, 'azure/gpt-4o': { requests_per_minute: 1 } } });
    await ask(identityWith({}, 'key_1'), { model: 'openai/gpt-4o' });
    await ask(identityWith({}, 'key_2'), { model: 'azure/gpt-4o' });
    expect((await refusal(identityWith({}, 'key_3'), { model: 'openai/gpt-4o' })).message).toContain('model "gpt-4o"');
    expect((await refusal(identityWith({}, 'key_4'))).message).toContain('model "gpt-4o"');
    clock.advance(61_000);
    await ask(identityWith({}, 'key_5'), { model: 'azure/gpt-4o' });
    const error = await refusal(identityWith({}, 'key_6'), { model: 'azure/gpt-4o' });
    expect(error.message).toContain('model "azure/gpt-4o"');
  });

  it('takes new limits with the next request, of the caller and of the configuration', async () => {
    const identity = identityWith({ key: { requestsPerMinute: 1 } });
    await ask(identity);
    await refusal(identity);
    await ask(identityWith({ key: { requestsPerMinute: 2 } }));
    config.set({ models: { 'gpt-4o': { requests_per_minute: 1 } } });
    await ask(identityWith({ key: { requestsPerMinute: 9 } }));
    expect((await refusal(identityWith({ key: { requestsPerMinute: 9 } }))).facts).toMatchObject({ scope: 'model' });
    config.set({});
    await ask(identityWith({ key: { requestsPerMinute: 9 } }));
  });

  it('denies from then on when a limit is lowered below the use, and breaks nothing in flight', async () => {
    const running = await ask(identityWith({ key: { requestsPerMinute: 5, maxConcurrency: 5 } }));
    await ask(identityWith({ key: { requestsPerMinute: 5, maxConcurrency: 5 } }));
    const lowered = identityWith({ key: { requestsPerMinute: 1, maxConcurrency: 1 } });
    expect((await refusal(lowered)).facts).toMatchObject({ resource: 'requests', remaining: 0 });
    running.close();
    expect((await store.usage([], ['s:key:key_1'])).slots).toEqual([1]);
  });

  it('reserves prompt and answer, and settles to what the provider counted', async () => {
    const identity = identityWith({ team: { tokensPerMinute: 1_000 } });
    const context = await ask(identity, { maxOutputTokens: 300, choices: 2 });
    expect(await used('t:team:team_1')).toBeGreaterThan(600);
    context.attempts = ledgerThatUsed(123);
    context.close();
    expect(await used('t:team:team_1')).toBe(123);
  });

  it('books more than it reserved when the provider counted more', async () => {
    const context = await ask(identityWith({ team: { tokensPerMinute: 1_000 } }), { maxOutputTokens: 10 });
    context.attempts = ledgerThatUsed(5_000);
    context.close();
    expect(await used('t:team:team_1')).toBe(5_000);
    await refusal(identityWith({ team: { tokensPerMinute: 1_000 } }));
  });

  it('gives all tokens back when no attempt was made, and none while it is not known what one used', async () => {
    const identity = identityWith({ team: { tokensPerMinute: 1_000 } });
    (await ask(identity)).close();
    expect(await used('t:team:team_1')).toBe(0);
    const context = await ask(identity);
    const reserved = await used('t:team:team_1');
    context.attempts = ledgerThatUsed(null);
    context.close();
    expect(await used('t:team:team_1')).toBe(reserved);
  });

  it('gives back at once when the client has left while the store was asked', async () => {
    const context = contextOf(clock, identityWith({ key: { tokensPerMinute: 1_000, maxConcurrency: 1 } }));
    const admission = service.admit(context);
    context.close();
    await admission;
    expect(await used('t:key:key_1')).toBe(0);
    expect((await store.usage([], ['s:key:key_1'])).slots).toEqual([0]);
  });

  it('frees the slot when the request is over', async () => {
    const identity = identityWith({ user: { maxConcurrency: 1 } });
    const first = await ask(identity);
    const error = await refusal(identity);
    expect(error.message).toContain('user "ada@example.com": 1 requests at the same time are running');
    first.close();
    await ask(identity);
  });

  it('says at once that a request can never fit, and that trying again is useless', async () => {
    const error = await refusal(identityWith({ team: { tokensPerMinute: 100 } }), { maxOutputTokens: 500 });
    expect(error).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      shouldRetry: false,
      retryAfterMs: undefined,
    });
    expect(error.message).toMatch(/needs up to \d+ tokens .* team "search" may use 100 a minute/);
    expect(store.asked).toBe(0);
  });

  it('bounds an answer that the client left open, so that what it reserved is enough', async () => {
    const bound = async (limit: number, asked: Asked) =>
      (await ask(identityWith({ key: { tokensPerMinute: limit } }, `key_${limit}`), asked)).outputBound;
    // A quarter of a small limit, what a model usually writes at most of a large one; each choice its part.
    expect(await bound(100, { maxOutputTokens: null })).toBe(25);
    expect(await bound(1_000_000, { maxOutputTokens: null })).toBe(4_096);
    expect(await bound(1_000, { maxOutputTokens: null, choices: 3 })).toBe(83);
    expect(await bound(2_000, { maxOutputTokens: 7 })).toBeUndefined();
    const context = contextOf(clock, identityWith({ team: { requestsPerMinute: 5 } }, 'key_open'), {
      maxOutputTokens: null,
    });
    await service.admit(context);
    expect(context.outputBound).toBeUndefined();
  });

  it('reserves a token of answer at least, so that a prompt that fills the limit is refused', async () => {
    const text = 'hello '.repeat(200);
    const context = await ask(identityWith({ team: { tokensPerMinute: 10_000 } }, 'key_a'), {
      text,
      maxOutputTokens: 1,
    });
    const { reserved_tokens: needed } = context.decisions.at(-1)!.facts as { reserved_tokens: number };
    const tight = { text, maxOutputTokens: null };
    const fits = await ask(identityWith({ key: { tokensPerMinute: needed } }, 'key_b'), tight);
    expect(fits.outputBound).toBe(1);
    const error = await refusal(identityWith({ key: { tokensPerMinute: needed - 1 } }, 'key_c'), tight);
    expect(error.message).toContain('can never be admitted');
  });

  it('answers repeated refusals from memory, with the wait that is left, until it is over', async () => {
    const identity = identityWith({ key: { requestsPerMinute: 1 } });
    await ask(identity);
    const first = await refusal(identity);
    const { asked } = store;
    clock.advance(5_000);
    for (let index = 0; index < 100; index += 1) {
      expect((await refusal(identity)).retryAfterMs).toBe((first.retryAfterMs ?? 0) - 5_000);
    }
    expect(store.asked).toBe(asked);
    clock.advance((first.retryAfterMs ?? 0) - 5_000);
    await ask(identity);
    expect(await metrics.expose()).toContain(
      'gateway_rate_limit_decisions_total{decision="denied_from_memory",by="windows"} 100',
    );
  });

  it('does not let the memory refuse a smaller request that fits', async () => {
    const identity = identityWith({ key: { tokensPerMinute: 1_000 } });
    await ask(identity, { maxOutputTokens: 700 });
    await refusal(identity, { maxOutputTokens: 700 });
    await ask(identity, { maxOutputTokens: 100 });
  });

  it('tells in the trace and for the headers what each level had left', async () => {
    const context = await ask(
      identityWith({
        key: { requestsPerMinute: 60, tokensPerMinute: 5_000, maxConcurrency: 2 },
        team: { requestsPerMinute: 10 },
      }),
    );
    expect(context.rateLimit).toMatchObject({
      requests: { limit: 10, remaining: 9 },
      tokens: { limit: 5_000 },
      degraded: false,
    });
    expect(context.decisions.at(-1)).toMatchObject({
      what: 'admitted',
      facts: {
        levels: [
          { scope: 'key', resource: 'requests', limit: 60, remaining: 59 },
          { scope: 'key', resource: 'tokens', limit: 5_000 },
          { scope: 'team', resource: 'requests', limit: 10, remaining: 9 },
          { scope: 'key', resource: 'concurrency', limit: 2, remaining: 1 },
        ],
      },
    });
  });

  it('tells in the trace of a refusal what was left of everything, also of what was not short', async () => {
    const identity = identityWith({ key: { maxConcurrency: 3 }, team: { requestsPerMinute: 1, maxConcurrency: 1 } });
    await ask(identity);
    const context = contextOf(clock, identity);
    await expect(service.admit(context)).rejects.toThrow('1 requests per minute are used up');
    expect(context.decisions.at(-1)).toMatchObject({
      what: 'denied',
      facts: {
        levels: [
          { scope: 'team', resource: 'requests', remaining: 0 },
          { scope: 'key', resource: 'concurrency', limit: 3, remaining: 2 },
          { scope: 'team', resource: 'concurrency', limit: 1, remaining: 0 },
        ],
      },
    });
  });

  it('explains what each level has left, and takes nothing', async () => {
    const identity = identityWith({ key: { requestsPerMinute: 2, maxConcurrency: 1 } });
    const preview = () => service.explain(contextOf(clock, identity));
    const levels = (used: number, fits: boolean) => [
      { resource: 'requests', limit: 2, used, needed: 1, fits: true },
      { resource: 'concurrency', limit: 1, used, needed: 1, fits },
    ];
    for (let time = 0; time < 3; time += 1) {
      expect(await preview()).toMatchObject({ admitted: true, levels: levels(0, true) });
    }
    await ask(identity);
    expect(await preview()).toMatchObject({ admitted: false, levels: levels(1, false) });
  });

  it('answers 503, not 429, when the store is away and the policy is to refuse', async () => {
    store.answer = { kind: 'unavailable', reason: 'denied_by_policy', retryAfterMs: 1_000 };
    const error = await refusal(identityWith({ key: { requestsPerMinute: 1 } }));
    expect(error).toMatchObject({ status: 503, code: 'overloaded', retryAfterMs: 1_000 });
  });
});
