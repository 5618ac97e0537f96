import type { Type } from '@nestjs/common';
import type { Attempt, AttemptIntent, AttemptLedger, AttemptOutcome } from '../core/context';
import type { Dialect, JsonObject } from '../core/chat';
import { GatewayContext } from '../core/context';
import {
  InvalidRequestError,
  ProviderChainError,
  UnpriceableError,
  UpstreamError,
  type UpstreamFailure,
} from '../core/errors';
import { JsonDocument } from '../core/json-document';
import { NO_FACTS, type ModelFacts } from '../core/model-facts';
import type { ChatReply, StreamEvent, StreamEventKind } from '../core/reply';
import { chatRequestOf } from '../core/testing/chat-request';
import { NO_USAGE, type TokenUsage } from '../core/tokens';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { AttemptRunner } from './attempt-runner';
import { Pacer } from './backoff';
import { Dispatcher } from './dispatcher';
import { Provider, type ProviderCall } from './provider';
import { ProviderMetrics } from './provider.metrics';
import { RoutePlan } from './route-table';
import { RoutingConfig } from './routing.config';
import { TargetHealth } from './target-health';
import { TargetLimits } from './target-limits';
import { TargetSelector } from './target-selector';
import { guarantee } from '../../test/support/guarantee';

/** What models take in. */
class Windows extends TargetLimits {
  override factsOf({ model }: { readonly model: string }): ModelFacts {
    const windows: Readonly<Record<string, number>> = {
      'gpt-4o': 128_000,
      'gpt-4o-mini': 128_000,
      'claude-sonnet-4-20250514': 200_000,
      tiny: 2,
    };
    return { ...NO_FACTS, contextWindow: windows[model] ?? null };
  }
}

class ManualClock extends Clock {
  private atMs = 0;

  override now(): number {
    return Date.UTC(2026, 10, 23) + this.atMs;
  }

  override monotonic(): number {
    return this.atMs;
  }

  advance(milliseconds: number): void {
    this.atMs += milliseconds;
  }
}

class RoutingOnly extends LiveConfig {
  readonly routing = new RoutingConfig();
  override readonly version = '1';

  override section<T extends object>(type: Type<T>): T {
    return this.routing instanceof type ? this.routing : new type();
  }

  override onReload(): () => void {
    return () => undefined;
  }
}

class FakeProvider extends Provider {
  override readonly type = 'openai';
  override readonly baseUrl = 'http://fake';
  override activeCalls = 0;
  calls: ProviderCall[] = [];

  constructor(
    override readonly name: string,
    private readonly answer: (call: ProviderCall) => Promise<ChatReply>,
    private readonly dialect: Dialect = 'openai',
  ) {
    super();
  }

  override speaks(dialect: Dialect): boolean {
    return dialect === this.dialect;
  }

  override chat(call: ProviderCall): Promise<ChatReply> {
    this.calls.push(call);
    return this.answer(call);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}

class FakeLedger implements AttemptLedger {
  readonly opened: AttemptIntent[] = [];
  readonly outcomes: AttemptOutcome[] = [];
  refuse: ((intent: AttemptIntent) => Error | null) | null = null;

  open(intent: AttemptIntent): Attempt {
    const refusal = this.refuse?.(intent);
    if (refusal) throw refusal;
    this.opened.push(intent);
    let isSettled = false;
    return {
      id: `att_${this.opened.length}`,
      observe: () => undefined,
      cost: () => 0n,
      settled: () => null,
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = true;
        this.outcomes.push(outcome);
      },
    };
  }

  cost(): bigint {
    return 0n;
  }

  usage(): TokenUsage {
    return NO_USAGE;
  }
}

const USAGE = { ...NO_USAGE, inputTokens: 3, outputTokens: 4 };
const json: ChatReply = {
  kind: 'json',
  dialect: 'openai',
  raw: null,
  value: {},
  model: 'm-dated',
  usage: USAGE,
  finish: 'stop',
};
const event = (kind: StreamEventKind, text = '', usage: StreamEvent['usage'] = null): StreamEvent => ({
  kind,
  name: null,
  data: { text },
  raw: null,
  usage,
  text,
  finish: null,
});
const upstreamError = (provider: string, failure: UpstreamFailure, extra: object = {}) =>
  new UpstreamError(provider, failure, `${provider} failed`, { reason: failure, ...extra });

function stream(items: readonly (StreamEvent | Error)[], onReturn: () => void = () => undefined): ChatReply {
  async function* batches(): AsyncGenerator<readonly StreamEvent[]> {
    try {
      for (const item of items) {
        await Promise.resolve();
        if (item instanceof Error) throw item;
        yield [item];
      }
    } finally {
      onReturn();
    }
  }
  return { kind: 'stream', dialect: 'openai', model: 'm', batches: batches() };
}

function setUp(providers: FakeProvider[], toCanonical?: () => never, models: readonly string[] = []) {
  const clock = new ManualClock();
  const document = JsonDocument.of({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  const context = new GatewayContext({
    requestId: 'req_1',
    dialect: 'openai',
    endpoint: '/v1/chat/completions',
    startedAtMs: 0,
    monotonic: () => clock.monotonic(),
    onDeferredError: (error) => {
      throw error;
    },
  });
  context.request = chatRequestOf(document.value as JsonObject, {
    document,
    stream: true,
    ...(toCanonical ? { toCanonical } : {}),
  });
  const targets = providers.map((adapter, index) => ({
    provider: adapter.name,
    model: models[index] ?? 'm',
    adapter,
    quotaDomain: adapter.name,
    totalTimeoutMs: 600_000,
  }));
  context.plan = new RoutePlan('m', [{ strategy: 'priority', targets }]);
  const ledger = new FakeLedger();
  context.attempts = ledger;
  const config = new RoutingOnly();
  const health = new TargetHealth(clock, config);
  const metrics = new ProviderMetrics(new MetricsRegistry(), health);
  const pauses: number[] = [];
  const pacer = new Pacer(
    () => 0.5,
    (milliseconds) => {
      pauses.push(milliseconds);
      clock.advance(milliseconds);
      return Promise.resolve();
    },
  );
  const selector = new TargetSelector(health, clock, pacer, undefined, new Windows());
  const dispatcher = new Dispatcher(selector, new AttemptRunner(metrics, health, config), health, config, pacer);
  return { context, ledger, dispatcher, pauses, config, health, clock };
}

/** Another request of the same kind. */
function fresh(context: GatewayContext): GatewayContext {
  const next = new GatewayContext({
    requestId: 'req_2',
    dialect: context.dialect,
    endpoint: context.endpoint,
    startedAtMs: 0,
    monotonic: context.monotonic,
    onDeferredError: () => undefined,
  });
  next.request = context.request;
  next.plan = context.plan;
  next.attempts = context.attempts;
  return next;
}

async function texts(reply: ChatReply): Promise<string> {
  if (reply.kind !== 'stream') throw new Error('not a stream');
  let text = '';
  for await (const batch of reply.batches) text += batch.map((item) => item.text).join('');
  return text;
}

describe('Dispatcher', () => {
  it('answers from the first target and settles with its usage', async () => {
    const { context, ledger, dispatcher } = setUp([new FakeProvider('a', () => Promise.resolve(json))]);
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    context.close();
    expect(context.served).toEqual({ provider: 'a', model: 'm-dated', attempts: 1, fallback: false });
    expect(ledger.outcomes).toEqual([expect.objectContaining({ status: 'succeeded', usage: USAGE })]);
  });

  it.each(['rate_limited', 'timeout', 'unavailable', 'misconfigured'] as const)(
    'falls back after %s',
    async (failure) => {
      const first = new FakeProvider('a', () => Promise.reject(upstreamError('a', failure)));
      const second = new FakeProvider('b', () => Promise.resolve(json));
      const { context, ledger, dispatcher } = setUp([first, second]);
      await dispatcher.chat(context);
      expect(context.served).toEqual({ provider: 'b', model: 'm-dated', attempts: 2, fallback: true });
      expect(ledger.outcomes.map(({ status }) => status)).toEqual(['failed', 'succeeded']);
    },
  );

  it('a rejection is the caller’s own and is not tried elsewhere', async () => {
    const body = Buffer.from('{"error":{"message":"bad"}}');
    const first = new FakeProvider('a', () =>
      Promise.reject(upstreamError('a', 'rejected', { status: 400, body, dialect: 'openai' })),
    );
    const second = new FakeProvider('b', () => Promise.resolve(json));
    const { context, dispatcher } = setUp([first, second]);
    await expect(dispatcher.chat(context)).rejects.toMatchObject({ status: 400, raw: { dialect: 'openai', body } });
    expect(second.calls).toHaveLength(0);
  });

  it('holds lifecycle events until the first content, and falls back when the stream breaks before it', async () => {
    const first = new FakeProvider('a', () =>
      Promise.resolve(stream([event('lifecycle', 'A-role'), upstreamError('a', 'unavailable')])),
    );
    const second = new FakeProvider('b', () =>
      Promise.resolve(
        stream([event('lifecycle', 'B-role '), event('content', 'B1 '), event('content', 'B2'), event('end')]),
      ),
    );
    const { context, ledger, dispatcher } = setUp([first, second]);
    expect(await texts(await dispatcher.chat(context))).toBe('B-role B1 B2');
    expect(ledger.outcomes).toMatchObject([{ status: 'failed', billable: true }, { status: 'succeeded' }]);
  });

  it('never falls back after the first content', async () => {
    const broken = upstreamError('a', 'unavailable', { reason: 'truncated' });
    const first = new FakeProvider('a', () => Promise.resolve(stream([event('content', 'A1'), broken])));
    const second = new FakeProvider('b', () => Promise.resolve(json));
    const { context, ledger, dispatcher } = setUp([first, second]);
    const reply = await dispatcher.chat(context);
    await expect(texts(reply)).rejects.toBe(broken);
    expect(second.calls).toHaveLength(0);
    expect(ledger.outcomes).toEqual([
      expect.objectContaining({ status: 'failed', error: 'truncated', billable: true }),
    ]);
  });

  it('settles a stream with the last usage it told', async () => {
    const late = { ...USAGE, outputTokens: 9 };
    const provider = new FakeProvider('a', () =>
      Promise.resolve(stream([event('content', 'x', USAGE), event('usage', '', late), event('end')])),
    );
    const { context, ledger, dispatcher } = setUp([provider]);
    await texts(await dispatcher.chat(context));
    context.close();
    expect(ledger.outcomes).toEqual([expect.objectContaining({ status: 'succeeded', usage: late })]);
  });

  it('a client that leaves in the middle stops the provider and settles as aborted', async () => {
    let isStopped = false;
    const provider = new FakeProvider('a', () =>
      Promise.resolve(stream([event('content', 'x'), event('content', 'y'), event('end')], () => (isStopped = true))),
    );
    const { context, ledger, dispatcher } = setUp([provider]);
    const reply = await dispatcher.chat(context);
    if (reply.kind !== 'stream') throw new Error('not a stream');
    for await (const batch of reply.batches) {
      expect(batch).toHaveLength(1);
      break;
    }
    context.close();
    expect(isStopped).toBe(true);
    expect(ledger.outcomes).toEqual([expect.objectContaining({ status: 'aborted', billable: true })]);
  });

  it('asks nobody else for a client that has gone', async () => {
    const second = new FakeProvider('b', () => Promise.resolve(json));
    const first = new FakeProvider('a', () => Promise.reject(upstreamError('a', 'unavailable')));
    const { context, dispatcher } = setUp([first, second]);
    context.close();
    await expect(dispatcher.chat(context)).rejects.toBeInstanceOf(ProviderChainError);
    expect(second.calls).toHaveLength(0);
  });

  it('skips a target that may not be paid for, and says so when there is no other', async () => {
    const unpriceable = (provider: string) => (intent: AttemptIntent) =>
      intent.provider === provider ? new UnpriceableError(provider, 'm') : null;
    const both = [
      new FakeProvider('a', () => Promise.resolve(json)),
      new FakeProvider('b', () => Promise.resolve(json)),
    ];
    const first = setUp(both);
    first.ledger.refuse = unpriceable('a');
    await first.dispatcher.chat(first.context);
    expect(first.context.served?.provider).toBe('b');
    const only = setUp([new FakeProvider('a', () => Promise.resolve(json))]);
    only.ledger.refuse = unpriceable('a');
    await expect(only.dispatcher.chat(only.context)).rejects.toMatchObject({ status: 400, code: 'budget_unpriceable' });
  });

  it('skips a provider whose dialect cannot say the request, before anything is opened', async () => {
    const foreign = new FakeProvider('a', () => Promise.resolve(json), 'anthropic');
    const native = new FakeProvider('b', () => Promise.resolve(json));
    const untranslatable = () => {
      throw new InvalidRequestError('no audio there', 'messages');
    };
    const { context, ledger, dispatcher } = setUp([foreign, native], untranslatable);
    await dispatcher.chat(context);
    expect(context.served?.provider).toBe('b');
    expect(ledger.opened).toHaveLength(1);
    const alone = setUp([foreign], untranslatable);
    await expect(alone.dispatcher.chat(alone.context)).rejects.toThrow('no audio there');
  });

  it('lets no fallback answer what the model that was asked for cannot be told', async () => {
    const foreign = new FakeProvider('a', () => Promise.resolve(json), 'anthropic');
    const fallback = new FakeProvider('b', () => Promise.resolve(json));
    const { context, ledger, dispatcher } = setUp([foreign, fallback], () => {
      throw new InvalidRequestError('no audio there', 'messages');
    });
    const [own, other] = (context.plan as RoutePlan).groups[0]!.targets;
    context.plan = new RoutePlan('m', [
      { strategy: 'priority', targets: [own!] },
      { strategy: 'priority', targets: [other!] },
    ]);
    await expect(dispatcher.chat(context)).rejects.toThrow('no audio there');
    expect(ledger.opened).toHaveLength(0);
  });

  it.each([
    [['timeout', 'timeout'] as const, 504, 'provider_timeout'],
    [['rate_limited', 'rate_limited'] as const, 429, 'rate_limit_exceeded'],
    [['unavailable', 'timeout'] as const, 502, 'provider_error'],
    [['misconfigured'] as const, 502, 'provider_error'],
  ])('after %j the caller gets %i and the list of attempts', async (failures, status, code) => {
    const providers = failures.map((failure, index) => {
      const name = `p${index}`;
      return new FakeProvider(name, () =>
        Promise.reject(upstreamError(name, failure, { retryAfterMs: 1000 * (index + 1) })),
      );
    });
    const { context, ledger, dispatcher, config } = setUp(providers);
    config.routing.retries = 0;
    const error: unknown = await dispatcher.chat(context).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ status, code, source: 'provider', retryAfterMs: 1000 });
    expect((error as ProviderChainError).attempts).toHaveLength(failures.length);
    expect(ledger.outcomes).toHaveLength(failures.length);
  });

  describe('repeats', () => {
    const failing = (makeError: () => UpstreamError, times: number): FakeProvider => {
      const provider: FakeProvider = new FakeProvider('a', (): Promise<ChatReply> =>
        provider.calls.length > times ? Promise.resolve(json) : Promise.reject(makeError()),
      );
      return provider;
    };

    it('a call that may pass, after a jittered pause that doubles, and says how many calls it took', async () => {
      const provider = failing(() => upstreamError('a', 'unavailable', { status: 500 }), 2);
      const { context, ledger, dispatcher, pauses } = setUp([provider]);
      await dispatcher.chat(context);
      expect(pauses).toEqual([125, 250]);
      expect(context.served).toMatchObject({ attempts: 3, fallback: false });
      expect(ledger.outcomes.map(({ status }) => status)).toEqual(['failed', 'failed', 'succeeded']);
    });

    it('waits exactly as long as the provider asks, when that is short', async () => {
      const provider = failing(() => upstreamError('a', 'rate_limited', { status: 429, retryAfterMs: 1234 }), 1);
      const { context, dispatcher, pauses } = setUp([provider]);
      await dispatcher.chat(context);
      expect(pauses).toEqual([1234]);
    });

    it('does not wait longer than a few seconds, nor calls before the provider allows it', async () => {
      const provider = failing(() => upstreamError('a', 'rate_limited', { status: 429, retryAfterMs: 7000 }), 1);
      const first = setUp([provider]);
      await expect(first.dispatcher.chat(first.context)).rejects.toMatchObject({ status: 429, retryAfterMs: 7000 });
      await expect(first.dispatcher.chat(fresh(first.context))).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
      expect(provider.calls).toHaveLength(1);
    });

    it('not what no repetition cures', async () => {
      for (const [failure, reason] of [
        ['rate_limited', 'insufficient_quota'],
        ['rate_limited', 'request_too_large'],
        ['misconfigured', 'http_401'],
        ['timeout', 'total_timeout'],
        ['rejected', 'http_400'],
      ] as const) {
        const provider = failing(() => upstreamError('a', failure, { reason }), 9);
        const { context, dispatcher } = setUp([provider]);
        await expect(dispatcher.chat(context)).rejects.toBeInstanceOf(ProviderChainError);
        expect({ reason, calls: provider.calls.length }).toEqual({ reason, calls: 1 });
      }
    });

    it('rather asks another target than wait', async () => {
      const first = failing(() => upstreamError('a', 'unavailable', { status: 500 }), 1);
      const second = new FakeProvider('b', () => Promise.resolve(json));
      const { context, dispatcher, pauses } = setUp([first, second]);
      await dispatcher.chat(context);
      expect({ pauses, served: context.served }).toMatchObject({ pauses: [], served: { provider: 'b', attempts: 2 } });
    });

    it('stops waiting when the client goes, and calls nobody', async () => {
      const provider = failing(() => upstreamError('a', 'unavailable', { status: 500 }), 9);
      const { context, dispatcher, config } = setUp([provider]);
      config.routing.retries = 10;
      const chat = dispatcher.chat(context);
      context.close();
      await expect(chat).rejects.toBeInstanceOf(ProviderChainError);
      expect(provider.calls).toHaveLength(1);
    });

    it('gives a repeated call what its provider’s total has left, and the caller’s bound above all', async () => {
      const provider = failing(() => upstreamError('a', 'unavailable', { status: 500 }), 1);
      const { context, dispatcher } = setUp([provider]);
      await dispatcher.chat(context);
      expect(provider.calls.map(({ remainingMs }) => remainingMs)).toEqual([null, 600_000 - 125]);
      const bounded = setUp([failing(() => upstreamError('a', 'unavailable', { status: 500 }), 1)]);
      bounded.context.timeoutMs = 100;
      await expect(bounded.dispatcher.chat(bounded.context)).rejects.toMatchObject({ status: 502 });
      expect(bounded.pauses).toEqual([]);
    });
  });

  it('a target whose breaker is open is skipped while another is usable, and called when it is the last', async () => {
    const down = new FakeProvider('a', () => Promise.reject(upstreamError('a', 'unavailable', { status: 500 })));
    const up = new FakeProvider('b', () => Promise.resolve(json));
    const both = setUp([down, up]);
    for (let index = 0; index < 8; index += 1) await both.dispatcher.chat(fresh(both.context));
    expect(down.calls).toHaveLength(5);
    expect(up.calls).toHaveLength(8);
    const alone = setUp([down]);
    alone.config.routing.retries = 0;
    for (let index = 0; index < 8; index += 1)
      await expect(alone.dispatcher.chat(fresh(alone.context))).rejects.toBeInstanceOf(ProviderChainError);
    expect(down.calls).toHaveLength(5 + 8);
  });

  it('streams that break after their first content open the breaker as well', async () => {
    const broken = upstreamError('a', 'unavailable', { reason: 'truncated' });
    const first = new FakeProvider('a', () => Promise.resolve(stream([event('content', 'A'), broken])));
    const second = new FakeProvider('b', () => Promise.resolve(json));
    const { context, dispatcher } = setUp([first, second]);
    for (let index = 0; index < 5; index += 1)
      await expect(texts(await dispatcher.chat(fresh(context)))).rejects.toBe(broken);
    expect(await dispatcher.chat(fresh(context))).toBe(json);
    expect(first.calls).toHaveLength(5);
  });

  it('without any target there is no healthy provider', async () => {
    const { context, dispatcher } = setUp([]);
    await expect(dispatcher.chat(context)).rejects.toMatchObject({ status: 503, code: 'no_healthy_provider' });
  });

  it('(95) a wrong provider key is not shown as the caller’s 401', async () => {
    const body = Buffer.from('{"error":{"message":"Incorrect API key provided: sk-abc"}}');
    const provider = new FakeProvider('a', () =>
      Promise.reject(upstreamError('a', 'misconfigured', { status: 401, body, dialect: 'openai' })),
    );
    const { context, dispatcher } = setUp([provider]);
    await expect(dispatcher.chat(context)).rejects.toMatchObject({
      status: 502,
      raw: null,
      message: expect.not.stringContaining('sk-abc') as string,
    });
  });
});

describe('the turns of a conversation', () => {
  it('stay where their prompt is cached while that target is well, whoever is less busy', async () => {
    const [a, b] = ['a', 'b'].map((name) => new FakeProvider(name, () => Promise.resolve(json))) as [
      FakeProvider,
      FakeProvider,
    ];
    const { context, dispatcher, health, config } = setUp([a, b]);
    context.plan = new RoutePlan('m', [{ strategy: 'least_busy', targets: (context.plan as RoutePlan).targets }]);
    const turn = async (words: number): Promise<string | undefined> => {
      const next = fresh(context);
      const body = { model: 'm', messages: [{ role: 'user', content: 'word '.repeat(words) }] };
      const { dialect, model, stream: isStream } = context.request!;
      next.request = chatRequestOf(body, { dialect, model, stream: isStream });
      await dispatcher.chat(next);
      return next.served?.provider;
    };
    expect(await turn(2_000)).toBe('a');
    a.activeCalls = 9;
    expect(await turn(2_000)).toBe('a');
    // Another conversation, and one too short to be cached, go where there is least to do.
    expect(await turn(2_001)).toBe('b');
    expect(await turn(1)).toBe('b');
    const target = { provider: 'a', model: 'm', quotaDomain: 'a' };
    for (let failure = 0; failure < config.routing.breaker.failures; failure += 1) {
      health.begin(target).failed(upstreamError('a', 'unavailable'), false);
    }
    expect(await turn(2_000)).toBe('b');
    a.activeCalls = 0;
    b.activeCalls = 9;
    health.forget('a');
    expect(await turn(2_000)).toBe('b');
  });
});

describe('a prompt that is too long for its model', () => {
  const MODELS = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-20250514'];
  const tooLong = (name: string): FakeProvider =>
    new FakeProvider(name, () =>
      Promise.reject(
        upstreamError(name, 'rejected', {
          reason: 'context_length',
          status: 400,
          body: Buffer.from(`{"error":{"message":"${name}"}}`),
          dialect: 'openai',
        }),
      ),
    );

  it('goes to a target with more room, and past those that are known to have none', async () => {
    const [small, alike] = [tooLong('small'), tooLong('alike')];
    const large = new FakeProvider('large', () => Promise.resolve(json));
    const { context, dispatcher } = setUp([small, alike, large], undefined, MODELS);
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    expect([small, alike, large].map(({ calls }) => calls.length)).toEqual([1, 0, 1]);
    expect(context.served).toMatchObject({ provider: 'large', attempts: 2, fallback: true });
  });

  it('is not sent where it surely does not fit, which is on record', async () => {
    const tiny = new FakeProvider('tiny', () => Promise.resolve(json));
    const large = new FakeProvider('large', () => Promise.resolve(json));
    const { context, ledger, dispatcher } = setUp([tiny, large], undefined, ['tiny', 'gpt-4o']);
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    expect([tiny, large].map(({ calls }) => calls.length)).toEqual([0, 1]);
    expect(ledger.opened).toHaveLength(1);
    expect(context.served).toMatchObject({ provider: 'large', attempts: 1, fallback: true });
    const candidates = context.decisions.find(({ what }) => what === 'candidates')?.facts['candidates'];
    expect(candidates).toMatchObject([{ skipped: expect.stringContaining('context window of 2') as string }, {}]);
  });

  it.each([
    ['nobody has the room', ['tiny', 'tiny'], 'fallback'],
    ['nothing may take over', ['tiny', 'gpt-4o'], 'error'],
  ] as const)('is sent all the same when %s: the provider has the last word', async (_, models, policy) => {
    const providers = ['a', 'b'].map((name) => new FakeProvider(name, () => Promise.resolve(json)));
    const { context, dispatcher, config } = setUp(providers, undefined, [...models]);
    config.routing.context_window = policy;
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    expect(providers.map(({ calls }) => calls.length)).toEqual([1, 0]);
    const candidates = context.decisions.find(({ what }) => what === 'candidates')?.facts['candidates'];
    expect(JSON.stringify(candidates)).not.toContain('skipped');
  });

  it('is the caller’s to shorten when nobody has more room, whatever else fails', async () => {
    const small = tooLong('small');
    const away = new FakeProvider('away', () => Promise.reject(upstreamError('away', 'unavailable')));
    const { context, dispatcher, config } = setUp([small, away], undefined, ['gpt-4o', 'a-model-of-our-own']);
    config.routing.retries = 0;
    await expect(dispatcher.chat(context)).rejects.toMatchObject({
      status: 400,
      raw: { body: Buffer.from('{"error":{"message":"small"}}') },
    });
    expect(away.calls).toHaveLength(1);
  });

  it('goes nowhere when the configuration says so', async () => {
    const large = new FakeProvider('large', () => Promise.resolve(json));
    const { context, dispatcher, config } = setUp([tooLong('small'), large], undefined, ['gpt-4o', MODELS[2]!]);
    config.routing.context_window = 'error';
    await expect(dispatcher.chat(context)).rejects.toMatchObject({ status: 400 });
    expect(large.calls).toHaveLength(0);
  });
});

describe('an answer that the provider’s filter refuses', () => {
  const filtered: ChatReply = { ...json, finish: 'content_filter' };
  const silent = (): ChatReply =>
    stream([event('lifecycle'), { ...event('content'), finish: 'content_filter' }, event('end', '', USAGE)]);
  const rejected = (): Promise<never> =>
    Promise.reject(upstreamError('a', 'rejected', { reason: 'content_filter', status: 400 }));

  it.each([
    ['an error', rejected],
    ['a JSON answer', () => Promise.resolve(filtered)],
    ['a stream without content', () => Promise.resolve(silent())],
  ])('%s goes to the caller, unless another target is to be asked first', async (_, refuse) => {
    const other = new FakeProvider('b', () => Promise.resolve(json));
    const asIs = setUp([new FakeProvider('a', refuse), other]);
    await asIs.dispatcher.chat(asIs.context).catch(() => undefined);
    expect(other.calls).toHaveLength(0);
    const { context, dispatcher, config, ledger } = setUp([new FakeProvider('a', refuse), other]);
    config.routing.content_policy = 'fallback';
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    expect(context.served).toMatchObject({ provider: 'b', attempts: 2, fallback: true });
    context.close();
    expect(ledger.opened.map(({ index }) => index)).toEqual([1, 2]);
    expect(ledger.outcomes).toHaveLength(2);
  });

  it('is given to the caller when nobody else answers', async () => {
    const away = new FakeProvider('b', () => Promise.reject(upstreamError('b', 'unavailable')));
    const { context, dispatcher, config, ledger } = setUp([
      new FakeProvider('a', () => Promise.resolve(silent())),
      away,
    ]);
    config.routing.content_policy = 'fallback';
    config.routing.retries = 0;
    const reply = await dispatcher.chat(context);
    expect(await texts(reply)).toBe('');
    expect(context.served).toMatchObject({ provider: 'a', attempts: 2 });
    expect(ledger.outcomes).toEqual([
      expect.objectContaining({ status: 'succeeded', usage: USAGE }),
      expect.objectContaining({ status: 'failed' }),
    ]);
  });

  it('is no refusal once the stream has said something', async () => {
    const other = new FakeProvider('b', () => Promise.resolve(json));
    const begun = stream([event('content', 'so'), { ...event('content'), finish: 'content_filter' }, event('end')]);
    const { context, dispatcher, config } = setUp([new FakeProvider('a', () => Promise.resolve(begun)), other]);
    config.routing.content_policy = 'fallback';
    expect(await texts(await dispatcher.chat(context))).toBe('so');
    expect(other.calls).toHaveLength(0);
  });
});

describe('a hedged model (UPS-8)', () => {
  /** A provider that is silent until it is stopped, or until the test lets it answer. */
  function silentUntilStopped(name: string): FakeProvider & { release(): void } {
    let answer = (): void => undefined;
    const provider = new FakeProvider(
      name,
      ({ signal }) =>
        new Promise((resolve, reject) => {
          answer = () => resolve(json);
          signal.addEventListener('abort', () => reject(upstreamError(name, 'cancelled', { reason: 'cancelled' })));
        }),
    );
    return Object.assign(provider, { release: () => answer() });
  }
  const hedged = (providers: FakeProvider[]) => {
    const made = setUp(providers);
    const { groups } = made.context.plan as RoutePlan;
    made.context.plan = new RoutePlan('m', groups, 1_000);
    return made;
  };
  const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('is answered by the second when the first is silent: one answer, both on record and paid for', async () => {
    const [slow, fast] = [silentUntilStopped('slow'), new FakeProvider('fast', () => Promise.resolve(json))];
    const { context, dispatcher, ledger, pauses } = hedged([slow, fast]);
    await expect(dispatcher.chat(context)).resolves.toBe(json);
    await settled();
    expect(pauses).toEqual([1_000]);
    expect(context.served).toEqual({ provider: 'fast', model: 'm-dated', attempts: 2, fallback: true });
    expect(ledger.opened.map(({ provider, index }) => [provider, index])).toEqual([
      ['slow', 1],
      ['fast', 2],
    ]);
    expect(ledger.outcomes).toEqual([
      expect.objectContaining({ status: 'succeeded', usage: USAGE }),
      // Silent, but it may have worked: what it cost is counted.
      expect.objectContaining({ status: 'aborted', error: 'cancelled', billable: true }),
    ]);
    expect(slow.calls[0]?.signal.aborted).toBe(true);
    expect(context.signal.aborted).toBe(false);
  });

  it('goes on as ever when both fail, or when there is no second', async () => {
    const failing = (name: string): FakeProvider =>
      new FakeProvider(name, () => Promise.reject(upstreamError(name, 'misconfigured')));
    const both = hedged([failing('a'), failing('b')]);
    await expect(both.dispatcher.chat(both.context)).rejects.toMatchObject({ status: 502 });
    expect(both.ledger.opened).toHaveLength(2);
    const alone = hedged([new FakeProvider('a', () => Promise.resolve(json))]);
    await expect(alone.dispatcher.chat(alone.context)).resolves.toBe(json);
  });

  it('asks no second that is not well, that may not be paid for, or that the retry budget has no room for', async () => {
    const [slow, other] = [silentUntilStopped('slow'), new FakeProvider('other', () => Promise.resolve(json))];
    const { context, dispatcher, ledger, health } = hedged([slow, other]);
    const [, held] = (context.plan as RoutePlan).targets;
    health.begin(held!).failed(upstreamError('other', 'rate_limited', { retryAfterMs: 60_000 }), false);
    const first = dispatcher.chat(context);
    await settled();
    slow.release();
    await expect(first).resolves.toBe(json);
    expect(other.calls).toHaveLength(0);
    health.forget('other');
    ledger.refuse = ({ provider }) => (provider === 'other' ? new UnpriceableError('other', 'm') : null);
    const next = fresh(context);
    const second = dispatcher.chat(next);
    await settled();
    slow.release();
    await expect(second).resolves.toBe(json);
    expect(next.served).toMatchObject({ provider: 'slow', attempts: 1, fallback: false });
    ledger.refuse = null;
    // Three wait for their hedge at a time; the fourth has to do with its own call.
    const slowest = ['a', 'b'].map((name) => silentUntilStopped(name));
    const crowd = hedged(slowest);
    const contexts = Array.from({ length: 4 }, () => fresh(crowd.context));
    const replies = contexts.map((one) => crowd.dispatcher.chat(one).catch(() => null));
    await settled();
    expect(slowest.map(({ calls }) => calls.length)).toEqual([4, 3]);
    for (const one of contexts) one.close();
    await Promise.all(replies);
    guarantee('UPS-8', '1 answer, 2 attempts on record, both costed; loser aborted; off by default');
  });
});
