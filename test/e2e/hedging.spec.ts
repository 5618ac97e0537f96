import { parseUsd } from '../../src/core/money';
import { FakeUpstream, type Answer } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { until } from '../support/until';

const MODEL = 'gpt-4o-mini';
/** Pico-dollars a token: 0.15 and 0.6 USD a million. */
const [INPUT_PICO, OUTPUT_PICO] = [150_000n, 600_000n];
const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const COST = (BigInt(USAGE.prompt_tokens) * INPUT_PICO + BigInt(USAGE.completion_tokens) * OUTPUT_PICO + 999n) / 1_000n;

interface Attempt {
  readonly provider: string;
  readonly status: string;
  readonly error: string | null;
  readonly cost_usd: string;
  readonly usage_source: string;
}

const chunk = (name: string, delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: `c-${name}`, object: 'chat.completion.chunk', created: 1, model: MODEL, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A whole answer that says who gave it in every piece. */
const answering =
  (name: string): Answer =>
  (received, response) => {
    if (!received.body.includes('"stream":true')) {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          id: `c-${name}`,
          object: 'chat.completion',
          created: 1,
          model: MODEL,
          choices: [
            { index: 0, message: { role: 'assistant', content: `${name} 1 ${name} 2` }, finish_reason: 'stop' },
          ],
          usage: USAGE,
        }),
      );
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk(name, { role: 'assistant', content: '' }));
    response.write(chunk(name, { content: `${name} 1 ` }));
    response.write(chunk(name, { content: `${name} 2` }));
    response.write(chunk(name, {}, 'stop'));
    response.write(`data: ${JSON.stringify({ id: `c-${name}`, model: MODEL, choices: [], usage: USAGE })}\n\n`);
    response.end('data: [DONE]\n\n');
  };
const silent: Answer = () => undefined;
/** Accepts the call, begins the stream, and says nothing. */
const beginning =
  (name: string): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk(name, { role: 'assistant', content: '' }));
  };

describe('a hedged model, with real billing (UPS-8)', () => {
  let first: FakeUpstream;
  let second: FakeUpstream;
  let gateway: TestGateway;
  let budget: string;
  let costs = 0n;

  beforeAll(async () => {
    first = await FakeUpstream.start();
    second = await FakeUpstream.start();
    const provider = (name: string, upstream: FakeUpstream): string =>
      `${name}: { type: openai, api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [${MODEL}] }`;
    gateway = await startGateway(`
providers:
  ${provider('first', first)}
  ${provider('second', second)}
models:
  hedged: { strategy: priority, hedge_after: 200ms, targets: [{ provider: first, model: ${MODEL} }, { provider: second, model: ${MODEL} }] }
cache: { enabled: false }
`);
    const { body } = await gateway.admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: '10',
      period: 'total',
    });
    ({ id: budget } = body as { id: string });
  });
  afterAll(async () => {
    await gateway.close();
    await Promise.all([first.close(), second.close()]);
  });
  beforeEach(() => {
    for (const upstream of [first, second]) {
      upstream.received.length = 0;
      upstream.abandoned = 0;
    }
  });

  const ask = async (stream: boolean) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'hedged',
        stream,
        ...(stream ? { stream_options: { include_usage: true } } : {}),
        max_tokens: 50,
        messages: [{ role: 'user', content: 'Who are you?' }],
      }),
    });
    expect(response.status).toBe(200);
    return { text: await response.text(), headers: response.headers };
  };
  const spent = async (): Promise<bigint> => {
    let body: { spent_usd: string; held_usd: string } | undefined;
    await until(async () => {
      ({ body } = (await gateway.admin('GET', `/budgets/${budget}`)) as { body: typeof body });
      return body?.held_usd === '0';
    });
    return parseUsd(body?.spent_usd ?? '');
  };
  const attemptsOf = async (headers: Headers): Promise<{ attempts: Attempt[]; cost: bigint }> => {
    const record = await gateway.recordOf(String(headers.get('x-request-id')));
    return { attempts: record['attempts'] as Attempt[], cost: parseUsd(String(record['cost_usd'])) };
  };
  const saidBy = (name: string, text: string, stream: boolean): void => {
    const other = name === 'first' ? 'second' : 'first';
    expect(text).not.toContain(other);
    if (stream) {
      expect([...text.matchAll(new RegExp(`"${name} [12] ?"`, 'g'))].map(([piece]) => piece)).toEqual([
        `"${name} 1 "`,
        `"${name} 2"`,
      ]);
      expect(text.match(/"role":"assistant"/g)).toHaveLength(1);
      expect(text.trimEnd().endsWith('[DONE]')).toBe(true);
    } else expect(text).toContain(`"${name} 1 ${name} 2"`);
  };

  it.each([
    { how: 'the first is silent, JSON', stream: false, slow: silent },
    { how: 'the first is silent, stream', stream: true, slow: silent },
    { how: 'the first has begun and says nothing, stream', stream: true, slow: beginning('first') },
  ])('is answered whole by the second, and both are paid for: $how', async ({ stream, slow }) => {
    first.answer = slow;
    second.answer = answering('second');
    const { text, headers } = await ask(stream);
    saidBy('second', text, stream);
    expect(headers.get('x-gateway-provider')).toBe('second');
    expect(headers.get('x-gateway-attempts')).toBe('2');
    await until(() => first.abandoned === 1);
    expect([first.received.length, second.received.length]).toEqual([1, 1]);
    const { attempts, cost } = await attemptsOf(headers);
    expect(attempts.map(({ provider, status }) => [provider, status])).toEqual([
      ['first', 'aborted'],
      ['second', 'succeeded'],
    ]);
    const [loser, winner] = attempts.map(({ cost_usd: usd }) => parseUsd(usd));
    expect(winner).toBe(COST);
    expect(attempts[1]?.usage_source).toBe('provider');
    // It may have worked on it: what it cannot tell any more is counted by us, never left out.
    expect(loser).toBeGreaterThan(0n);
    expect(attempts[0]?.usage_source).toBe('counted');
    expect(cost).toBe((loser ?? 0n) + COST);
    costs += cost;
  });

  it('is answered by the first all the same when it is the quicker after all; the second is stopped and paid for', async () => {
    let answer = (): void => undefined;
    first.answer = (received, response) => {
      answer = () => answering('first')(received, response);
    };
    second.answer = silent;
    const asked = ask(true);
    await until(() => second.received.length === 1);
    answer();
    const { text, headers } = await asked;
    saidBy('first', text, true);
    expect(headers.get('x-gateway-provider')).toBe('first');
    await until(() => second.abandoned === 1);
    const { attempts, cost } = await attemptsOf(headers);
    expect(attempts.map(({ provider, status }) => [provider, status])).toEqual([
      ['first', 'succeeded'],
      ['second', 'aborted'],
    ]);
    expect(parseUsd(attempts[0]?.cost_usd ?? '')).toBe(COST);
    expect(cost).toBeGreaterThan(COST);
    costs += cost;
  });

  it('asks nobody else when the first answers in time', async () => {
    first.answer = answering('first');
    second.answer = silent;
    const { headers } = await ask(false);
    const { attempts } = await attemptsOf(headers);
    expect(attempts).toHaveLength(1);
    expect(second.received).toHaveLength(0);
    costs += COST;
    expect(await spent()).toBe(costs);
    guarantee(
      'UPS-8',
      '4 hedged calls, JSON and streams: 1 whole answer each, 2 attempts on record, cost of both in the budget',
    );
  });
});
