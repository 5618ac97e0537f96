import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetHealth } from '../../src/providers';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import type { ScenarioRule } from '../../src/providers/simulator/server/scenario';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { until } from '../support/until';

const MODEL = 'gpt-4o-mini';
const OTHER = 'gpt-4o';
const NAMES = ['first', 'second'] as const;

describe('routing', () => {
  let simulator: Simulator;
  let gateway: TestGateway;
  let asked = 0;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 1 });
    const provider = (name: string, models: string, more = '') =>
      `${name}: { type: openai-compatible, api_key: k, base_url: "${simulator.url}/${name}/v1", allow_private_network: true, models: [${models}], timeouts: { connect: 1s, first_byte: 2s, total: 20s }${more} }`;
    gateway = await startGateway(`
providers:
  ${provider('first', `${MODEL}, ${OTHER}`)}
  ${provider('second', `${MODEL}, ${OTHER}`)}
  ${provider('lone', `lone-model, other-model`)}
  ${provider('shared-a', 'shared', ', quota_domain: org')}
  ${provider('shared-b', 'shared', ', quota_domain: org')}
  ${provider('shared-c', 'shared')}
models:
  spread: { strategy: weighted, targets: [{ provider: first, model: ${MODEL}, weight: 3 }, { provider: second, model: ${MODEL}, weight: 1 }] }
  quick: { strategy: least_latency, targets: [{ provider: first, model: ${MODEL} }, { provider: second, model: ${MODEL} }] }
  idle: { strategy: least_busy, targets: [{ provider: first, model: ${MODEL} }, { provider: second, model: ${MODEL} }] }
routing: { fallback: none, retries: 2, breaker: { failures: 5, open: 1s } }
rate_limits: { default: { requests_per_minute: 100000, tokens_per_minute: 100000000 } }
cache: { enabled: false }
pricing: { unknown: free }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });
  beforeEach(() => {
    simulator.reset();
    rules([]);
    for (const name of [...NAMES, 'lone', 'shared-a', 'shared-b', 'shared-c'])
      gateway.app.get(TargetHealth).forget(name);
  });

  /** The simulator answers at once unless a rule says otherwise. */
  const rules = (given: readonly ScenarioRule[]) =>
    simulator.scenario([...given, { profile: { ttftMs: { p50: 1, p90: 1 }, tokensPerSecond: 100_000 } }]);
  const ask = async (model: string, extra: { headers?: Record<string, string>; content?: string } = {}) => {
    asked += 1;
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...extra.headers },
      body: JSON.stringify({
        model,
        max_tokens: 20,
        messages: [{ role: 'user', content: extra.content ?? `[[say:yes]] question ${asked}` }],
      }),
    });
    const body = (await response.json()) as { error?: { code: string; message: string } };
    return {
      status: response.status,
      body,
      id: String(response.headers.get('x-request-id')),
      attempts: Number(response.headers.get('x-gateway-attempts')),
      provider: response.headers.get('x-gateway-provider'),
      fallback: response.headers.get('x-gateway-fallback'),
      retryAfterMs: Number(response.headers.get('retry-after-ms')),
    };
  };
  const arrivals = (prefix: string) =>
    simulator
      .log()
      .filter((entry) => entry.prefix === prefix)
      .map((entry) => Date.parse(entry.at));
  const stateOf = async (provider: string, model: string) => {
    const { body } = await gateway.admin('GET', '/providers');
    const found = (body as { data: { name: string; models: { model: string }[] }[] }).data.find(
      ({ name }) => name === provider,
    );
    return found?.models.find((entry) => entry.model === model) as Record<string, unknown>;
  };

  it('a failure that passes is repeated: the caller sees a complete answer and the number of calls', async () => {
    rules([{ match: { prefix: 'lone' }, fault: '500', count: 2 }]);
    const answer = await ask('lone-model');
    expect(answer).toMatchObject({ status: 200, attempts: 3, provider: 'lone', fallback: 'false' });
    expect(arrivals('lone')).toHaveLength(3);
    const record = await gateway.recordOf(answer.id);
    expect((record['attempts'] as { status: string }[]).map(({ status }) => status)).toEqual([
      'failed',
      'failed',
      'succeeded',
    ]);
    expect(JSON.stringify(record)).toContain('candidates');
  });

  it.each([
    ['seconds', '429,retry-after=1', 1000],
    ['milliseconds', '429,retry-after-ms=350', 350],
    ['seconds before milliseconds of its own', '429,retry-after=3,retry-after-ms=600', 600],
  ])('UPS-4: Retry-After in %s is honoured exactly', async (_, fault, waitMs) => {
    rules([{ match: { prefix: 'lone' }, fault, count: 1 }]);
    const answer = await ask('lone-model');
    expect(answer).toMatchObject({ status: 200, attempts: 2 });
    const [first = 0, second = 0] = arrivals('lone');
    expect(second - first).toBeGreaterThanOrEqual(waitMs);
  });

  it('UPS-4: while a provider has asked for a wait nobody calls it, and callers are told how long', async () => {
    rules([{ match: { prefix: 'lone' }, fault: '429,retry-after=30' }]);
    await ask('lone-model');
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('lone-model')));
    expect(arrivals('lone')).toHaveLength(1);
    for (const { status, body, retryAfterMs } of answers) {
      expect({ status, code: body.error?.code }).toEqual({ status: 429, code: 'rate_limit_exceeded' });
      expect(retryAfterMs).toBeGreaterThan(20_000);
      expect(retryAfterMs).toBeLessThanOrEqual(30_000);
    }
    expect(await stateOf('lone', 'lone-model')).toMatchObject({ cooldown: { kind: 'asked' }, breaker: 'closed' });
    // Another model of the provider has a quota of its own.
    rules([]);
    expect(await ask('other-model')).toMatchObject({ status: 200, attempts: 1 });
  });

  it('a cooldown holds for the whole quota domain, and the others go on', async () => {
    rules([{ match: { prefix: 'shared-a' }, fault: '429,retry-after=30' }]);
    expect(await ask('shared')).toMatchObject({ status: 200, provider: 'shared-c', attempts: 2, fallback: 'true' });
    expect(await ask('shared')).toMatchObject({ status: 200, provider: 'shared-c', attempts: 1, fallback: 'true' });
    expect(arrivals('shared-a')).toHaveLength(1);
    expect(arrivals('shared-b')).toHaveLength(0);
  });

  it('UPS-5: a provider that only fails is called at most 1.2 times a request', async () => {
    rules([{ match: { prefix: 'lone' }, fault: '500' }]);
    const requests = 250;
    for (let sent = 0; sent < requests; sent += 10)
      await Promise.all(Array.from({ length: 10 }, () => ask('lone-model')));
    const amplification = arrivals('lone').length / requests;
    expect(amplification).toBeGreaterThanOrEqual(1);
    expect(amplification).toBeLessThanOrEqual(1.2);
    guarantee('UPS-5', `${requests} requests to a provider that only fails: ${amplification.toFixed(3)} calls each`);
  });

  it('UPS-6: a breaker opens after five failures, keeps its target out, and closes after it has recovered', async () => {
    rules([{ match: { prefix: 'first' }, fault: '500' }]);
    for (let sent = 0; sent < 12; sent += 1)
      expect(await ask(MODEL)).toMatchObject({ status: 200, provider: 'second' });
    expect(arrivals('first')).toHaveLength(5);
    expect(await stateOf('first', MODEL)).toMatchObject({ breaker: 'open' });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain(`gateway_provider_breaker_state{provider="first",model="${MODEL}"} 2`);
    expect(metrics).toContain(`gateway_provider_first_byte_seconds_count{provider="second",model="${MODEL}"}`);
    rules([]);
    await until(async () => (await ask(MODEL)).provider === 'first');
    for (let sent = 0; sent < 3; sent += 1) await ask(MODEL);
    expect(await stateOf('first', MODEL)).toMatchObject({ breaker: 'closed' });
  });

  it('what a provider says is left of its quota is believed before it refuses', async () => {
    rules([{ match: { prefix: 'first' }, limits: { requestsPerMinute: 2, tokensPerMinute: 1_000_000 } }]);
    const served: (string | null)[] = [];
    for (let sent = 0; sent < 5; sent += 1) served.push((await ask(MODEL)).provider);
    expect(served).toEqual(['first', 'first', 'second', 'second', 'second']);
    expect(arrivals('first')).toHaveLength(2);
    expect(await stateOf('first', MODEL)).toMatchObject({ quota_requests: { remaining: 0 }, cooldown: null });
  });

  it('weighted: three to one', async () => {
    for (let sent = 0; sent < 400; sent += 20) await Promise.all(Array.from({ length: 20 }, () => ask('spread')));
    const share = arrivals('first').length / 400;
    // Five standard deviations of 400 draws.
    expect(Math.abs(share - 0.75)).toBeLessThan(0.11);
    expect(arrivals('first').length + arrivals('second').length).toBe(400);
  });

  it('weighted: the turns of one long conversation stay at one provider, whose prompt cache they hit', async () => {
    const conversation = (name: string) => `[[say:yes]] ${name} ${'a long system of words '.repeat(400)}`;
    const homes = new Map<string, Set<string | null>>();
    for (let turn = 0; turn < 4; turn += 1) {
      for (let index = 0; index < 12; index += 1) {
        const name = `conversation-${index}`;
        const home = homes.get(name) ?? new Set();
        homes.set(name, home.add((await ask('spread', { content: conversation(name) })).provider));
      }
    }
    expect([...homes.values()].map((home) => home.size)).toEqual(Array<number>(12).fill(1));
    expect(new Set([...homes.values()].flatMap((home) => [...home])).size).toBe(2);
  });

  it('least_latency: the faster one, and the other when it gets slow', async () => {
    const slow = (prefix: string): ScenarioRule => ({
      match: { prefix },
      profile: { ttftMs: { p50: 150, p90: 150 }, tokensPerSecond: 100_000 },
    });
    rules([slow('first')]);
    for (let sent = 0; sent < 10; sent += 1) await ask('quick');
    expect({ first: arrivals('first').length, second: arrivals('second').length }).toEqual({ first: 1, second: 9 });
    rules([{ match: { prefix: 'second' }, profile: { ttftMs: { p50: 500, p90: 500 }, tokensPerSecond: 100_000 } }]);
    const before = arrivals('first').length;
    for (let sent = 0; sent < 5; sent += 1) await ask('quick');
    expect(arrivals('first').length - before).toBe(4);
  });

  it('least_busy: a call in flight sends the next one elsewhere', async () => {
    rules([{ fault: 'delay=400', count: 1 }]);
    const held = ask('idle');
    await until(() => arrivals('first').length === 1);
    expect((await ask('idle')).provider).toBe('second');
    expect((await held).provider).toBe('first');
  });

  it('a client that leaves while a call is waited for stops it', async () => {
    rules([{ match: { prefix: 'lone' }, fault: '429,retry-after=2' }]);
    const controller = new AbortController();
    const call = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'lone-model', messages: [{ role: 'user', content: 'x' }] }),
      signal: controller.signal,
    }).catch((error: unknown) => error);
    await until(() => arrivals('lone').length === 1);
    controller.abort();
    await call;
    await sleep(2500);
    expect(arrivals('lone')).toHaveLength(1);
  });

  it('a test call says whether a provider works, and a success forgets what was held against it', async () => {
    rules([{ match: { prefix: 'lone' }, fault: '429,retry-after=30', count: 1 }]);
    await ask('lone-model');
    const good = await gateway.admin('POST', '/providers/lone/test');
    expect(good).toMatchObject({ status: 200, body: { ok: true, model: 'lone-model', error: null } });
    expect(await stateOf('lone', 'lone-model')).toMatchObject({ cooldown: null });
    rules([{ match: { prefix: 'lone' }, fault: '401' }]);
    const bad = await gateway.admin('POST', '/providers/lone/test', { model: 'other-model' });
    expect(bad).toMatchObject({ status: 200, body: { ok: false, error: { reason: 'http_401', status: 401 } } });
    expect(await gateway.admin('POST', '/providers/nobody/test')).toMatchObject({ status: 404 });
    expect(await gateway.admin('POST', '/providers/lone/test', { model: 'unlisted' })).toMatchObject({ status: 404 });
  });
});

describe('loops (OVL-6)', () => {
  const cut: string[] = [];

  interface Link {
    url: string;
    key: string;
  }
  /** The port of a gateway is known only when it runs, so its provider's address is a relay that knows it later. */
  async function startRelay(links: readonly Link[]) {
    const hops: string[] = [];
    const relay = createServer((request, response) => {
      const link = links[(hops.push(String(request.headers['x-gateway-hops'])) + links.length) % links.length]!;
      void (async () => {
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const answer = await fetch(`${link.url}${request.url}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${link.key}`,
            'x-gateway-hops': String(request.headers['x-gateway-hops'] ?? ''),
          },
          body: Buffer.concat(pieces),
        });
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
      })();
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const close = async (): Promise<void> => {
      relay.closeAllConnections();
      await new Promise((resolve) => relay.close(resolve));
    };
    return { port: (relay.address() as { port: number }).port, hops, close };
  }

  afterAll(() => {
    if (cut.length === 2) guarantee('OVL-6', `508 at hop 3: ${cut.join(', ')}`);
  });

  it.each([
    ['the gateway itself', 1],
    ['a gateway that leads back to it', 2],
  ])('are cut at the third hop with a 508: the address of a provider is %s', async (place, members) => {
    const links: Link[] = Array.from({ length: members }, () => ({ url: '', key: '' }));
    const relay = await startRelay(links);
    const gateways = await Promise.all(
      links.map(() =>
        startGateway(`
providers:
  loop: { type: openai-compatible, api_key: k, base_url: "http://127.0.0.1:${relay.port}/v1", allow_private_network: true, models: [gpt-4o] }
pricing: { unknown: free }
`),
      ),
    );
    gateways.forEach(({ url, apiKey }, index) => Object.assign(links[index]!, { url, key: apiKey }));
    const response = await fetch(`${links[0]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${links[0]!.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'round and round' }] }),
    });
    const body = (await response.json()) as { error: { code: string } };
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await relay.close();
    expect({ status: response.status, code: body.error.code }).toEqual({ status: 508, code: 'request_loop' });
    expect(relay.hops).toEqual(['1', '2', '3']);
    cut.push(`${place} after ${relay.hops.length} calls`);
  });
});
