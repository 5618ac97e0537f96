import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { TargetHealth } from '../../src/providers';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';

const CLAUDE = 'claude-sonnet-4-20250514';
const GPT = 'gpt-4o-mini';

/** Faults that leave no complete answer, whatever the gateway does. */
const BROKEN_STREAMS = [
  'cut-after=2',
  'fin-after=2',
  'half-event-after=2',
  'malformed-after=2',
  'error-after=2',
  'hang-after=2',
];
const BROKEN_STARTS = ['html200', 'empty200', 'reset', 'hang', '500', '503', '529', 'html502', 'redirect'];
const BROKEN_STREAM_STARTS = [
  'error-first',
  'cut-after=0',
  'fin-after=0',
  'hang-after=0',
  'hang-after-headers',
  'wrong-type',
];

const BROKEN_JSON = [...BROKEN_STARTS, 'truncated-json'];

describe('whatever a provider does, the caller gets a complete answer or an honest error', () => {
  let simulator: Simulator;
  let gateway: TestGateway;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0, strict: true });
    const timeouts = 'timeouts: { connect: 1s, first_byte: 700ms, idle: 700ms, total: 20s }';
    // What a single call makes of a fault is looked at here; repeated calls are in routing.spec.ts.
    gateway = await startGateway(`
routing: { retries: 0 }
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${GPT}], ${timeouts} }
  anthropic: { api_key: k2, base_url: "${simulator.url}/anthropic", allow_private_network: true, models: [${CLAUDE}], ${timeouts} }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });
  /** No fault may be answered from what an earlier one has taught. */
  const reset = () => {
    simulator.reset();
    for (const provider of ['openai', 'anthropic']) gateway.app.get(TargetHealth).forget(provider);
  };
  beforeEach(reset);

  const post: TestGateway['post'] = (...call) => gateway.post(...call);
  const ask = (model: string, content: string, stream: boolean) => ({
    model,
    max_tokens: 300,
    stream,
    messages: [{ role: 'user', content }],
  });
  const alone = { 'x-gateway-fallback': 'off' };
  /** Faults whose answer was looked at and found honest. */
  let honest = 0;
  /** The same in the words of the route. */
  const askOn = (route: string, model: string, content: string, stream: boolean): object =>
    route === '/v1/responses' ? { model, max_output_tokens: 300, stream, input: content } : ask(model, content, stream);
  const routes = ['/v1/chat/completions', '/v1/messages', '/v1/responses'] as const;
  const combinations = routes.flatMap((route) => [GPT, CLAUDE].map((model) => [route, model] as const));

  /** A stream that says it failed: one error event of the dialect, last, and no sign of success. */
  function expectBrokenStream(route: string, text: string): void {
    const events = sseData(text) as (
      string | { type?: string; error?: unknown; choices?: { finish_reason: string | null }[] }
    )[];
    const last = events.at(-1);
    expect(last).toHaveProperty('error');
    if (route !== '/v1/chat/completions') expect(last).toMatchObject({ type: 'error' });
    expect(events).not.toContain('[DONE]');
    expect(events.filter((event) => typeof event === 'object' && 'error' in event)).toHaveLength(1);
    expect(
      events.some(
        (event) =>
          typeof event === 'object' &&
          (/^(message_stop|response\.(completed|incomplete|failed))$/.test(event.type ?? '') ||
            event.choices?.[0]?.finish_reason),
      ),
    ).toBe(false);
  }

  describe.each(combinations)('%s with %s', (route, model) => {
    it.each(BROKEN_STREAMS)('(84, 85, 87) stream, %s: an error event after what was said', async (fault) => {
      const answer = await post(route, askOn(route, model, `[[tokens:120]] [[fault:${fault}]]`, true), alone);
      expect(answer.status).toBe(200);
      expectBrokenStream(route, answer.text);
      const record = await gateway.recordOf(String(answer.headers.get('x-request-id')));
      expect(record['error_code']).not.toBeNull();
      const [attempt] = record['attempts'] as { status: string; output_tokens: number; cost_usd: string }[];
      expect(attempt).toMatchObject({ status: 'failed' });
      expect(attempt?.output_tokens).toBeGreaterThan(0);
      expect(Number(attempt?.cost_usd)).toBeGreaterThan(0);
      honest += 1;
    });

    it.each([...BROKEN_STARTS, ...BROKEN_STREAM_STARTS])(
      '(83, 93) stream, %s: a proper status, nothing half said',
      async (fault) => {
        const answer = await post(route, askOn(route, model, `hello [[fault:${fault}]]`, true), alone);
        expect(answer.status).toBeGreaterThanOrEqual(500);
        expect(JSON.parse(answer.text)).toHaveProperty('error');
        expect(answer.headers.get('x-gateway-error-source')).toBe('provider');
        honest += 1;
      },
    );

    it.each(BROKEN_JSON)('(93) JSON, %s: a proper status', async (fault) => {
      const answer = await post(route, askOn(route, model, `hello [[fault:${fault}]]`, false), alone);
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(JSON.parse(answer.text)).toHaveProperty('error');
      honest += 1;
    });

    it.each(['split=1', 'split=3;crlf', 'crlf'])('(86) %s: the same answer', async (fault) => {
      const answer = await post(route, askOn(route, model, `[[say:Grüße 👋 日本]] [[fault:${fault}]]`, true), alone);
      expect(answer.status).toBe(200);
      const said = sseData(answer.text).map((event) => {
        const { type, delta, choices } = event as {
          type?: string;
          delta?: string | { text?: string };
          choices?: { delta: { content?: string } }[];
        };
        if (typeof delta === 'string') return type === 'response.output_text.delta' ? delta : '';
        return delta?.text ?? choices?.[0]?.delta.content ?? '';
      });
      expect(said.join('')).toBe('Grüße 👋 日本');
    });
  });

  it('UPS-1: every one of them was told as an error', () => {
    const faults = [...BROKEN_STREAMS, ...BROKEN_STARTS, ...BROKEN_STREAM_STARTS, ...BROKEN_JSON];
    expect(honest).toBe(combinations.length * faults.length);
    guarantee(
      'UPS-1',
      `${honest} broken answers of 2 providers to clients of 3 dialects, streams and JSON: all errors, 0 silent cuts`,
    );
  });

  it.each(combinations)(
    '(83, 96, 97) %s with %s: another provider takes over before the first content',
    async (route, model) => {
      const prefix = model === GPT ? 'openai' : 'anthropic';
      for (const fault of [
        '500',
        'reset',
        'html200',
        'empty200',
        'hang',
        'error-first',
        'fin-after=0',
        '429',
        'quota',
        '401',
      ]) {
        reset();
        simulator.scenario([{ match: { prefix }, fault }]);
        const answer = await post(route, askOn(route, model, '[[say:rescued]]', true));
        expect({ fault, status: answer.status }).toEqual({ fault, status: 200 });
        expect(answer.text).toContain('rescued');
        expect(answer.headers.get('x-gateway-fallback')).toBe('true');
        expect(answer.headers.get('x-gateway-attempts')).toBe('2');
        expect(answer.headers.get('x-gateway-provider')).toBe(model === GPT ? 'anthropic' : 'openai');
      }
    },
  );

  it('(89) a stream that broke after its first content is never continued by another provider', async () => {
    simulator.scenario([{ match: { prefix: 'openai' }, fault: 'cut-after=3' }]);
    const answer = await post('/v1/chat/completions', ask(GPT, '[[tokens:120]]', true));
    expectBrokenStream('/v1/chat/completions', answer.text);
    expect(simulator.journal().map(({ prefix }) => prefix)).toEqual(['openai']);
  });

  it('(94) caller’s mistakes are the provider’s own words, and nobody else is asked', async () => {
    const answer = await post('/v1/chat/completions', ask(GPT, '[[fault:404]]', false));
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'model_not_found' } });
    expect(simulator.journal()).toHaveLength(1);
  });

  it('(98) a prompt that is too long goes to a model with more room, and back to the caller when there is none', async () => {
    simulator.scenario([{ match: { prefix: 'openai' }, fault: 'context' }]);
    const rescued = await post('/v1/chat/completions', ask(GPT, '[[say:room enough]]', false));
    expect(rescued.status).toBe(200);
    expect(rescued.text).toContain('room enough');
    expect(rescued.headers.get('x-gateway-provider')).toBe('anthropic');
    reset();
    const answer = await post('/v1/chat/completions', ask(GPT, '[[fault:context]]', false));
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'context_length_exceeded' } });
    expect(simulator.journal()).toHaveLength(2);
    reset();
    // Claude has the larger window of the two: nobody has more.
    const alone = await post('/v1/messages', ask(CLAUDE, '[[fault:context]]', true));
    expect(alone.status).toBe(400);
    expect(simulator.journal()).toHaveLength(1);
  });

  it('(97) retry-after is handed on', async () => {
    const answer = await post('/v1/chat/completions', ask(GPT, '[[fault:429,retry-after=7]]', false), alone);
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('7');
    reset();
    const quota = await post('/v1/chat/completions', ask(GPT, '[[fault:quota]]', false), alone);
    expect(quota.status).toBe(429);
    expect(quota.headers.get('x-should-retry')).toBe('false');
  });

  it('every provider down: 502 with each attempt, and both official SDKs see an error of theirs', async () => {
    simulator.scenario([{ match: {}, fault: '500' }]);
    const openai = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const failure: unknown = await openai.chat.completions
      .create(ask(GPT, 'x', false) as never)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OpenAI.InternalServerError);
    expect(failure).toMatchObject({ status: 502, code: 'provider_error' });
    expect((failure as Error).message).toMatch(/openai\/.*http_500.*anthropic\/.*http_500/);
    const anthropic = new Anthropic({ apiKey: gateway.apiKey, baseURL: gateway.url, maxRetries: 0 });
    await expect(anthropic.messages.create(ask(CLAUDE, 'x', false) as never)).rejects.toBeInstanceOf(
      Anthropic.InternalServerError,
    );
  });

  it.each(combinations)(
    '(88) %s with %s: a client that leaves stops the provider within a second and pays for what came',
    async (route, model) => {
      const controller = new AbortController();
      const response = await fetch(`${gateway.url}${route}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(askOn(route, model, '[[tokens:250]] [[fault:slow=40]]', true)),
        signal: controller.signal,
      });
      const reader = response.body!.getReader();
      for (let reads = 0; reads < 4; reads += 1) await reader.read();
      controller.abort();
      const leftAt = Date.now();
      while (simulator.journal()[0]?.closedBy !== 'client' && Date.now() - leftAt < 5000)
        await new Promise((resolve) => setTimeout(resolve, 10));
      expect(simulator.journal()[0]).toMatchObject({ closedBy: 'client', finished: false });
      expect(Date.now() - leftAt).toBeLessThan(1000);
      const record = await gateway.recordOf(String(response.headers.get('x-request-id')));
      const [attempt] = record['attempts'] as { status: string; output_tokens: number; usage_source: string }[];
      expect(attempt).toMatchObject({ status: 'aborted', usage_source: 'counted' });
      expect(attempt?.output_tokens).toBeGreaterThan(0);
    },
  );

  it('a caller’s own time bound holds', async () => {
    const answer = await post('/v1/chat/completions', ask(GPT, '[[fault:hang]]', false), {
      'x-gateway-timeout-ms': '300',
      ...alone,
    });
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'provider_timeout' } });
  });
});
