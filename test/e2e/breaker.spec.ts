import type { ServerResponse } from 'node:http';
import { Clock } from '../../src/platform/clock';
import { TargetHealth } from '../../src/providers';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const OPEN_MS = 3_600_000;
const FAILURES = 5;
const PROBES = 3;
const CROWD = 12;
const CHECKS = 10_000;

const COMPLETION = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
});
const well = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(COMPLETION);

describe('the breakers of two replicas (UPS-6)', () => {
  let ill: FakeUpstream;
  let other: FakeUpstream;
  let gateways: TestGateway[];
  let key = '';
  let turnedMs = 0;

  beforeAll(async () => {
    ill = await FakeUpstream.start();
    other = await FakeUpstream.start();
    other.answer = (_, response) => well(response);
    const provider = (name: string, upstream: FakeUpstream): string =>
      `${name}: { type: openai-compatible, api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [x] }`;
    const yaml = `
providers:
  ${provider('ill', ill)}
  ${provider('other', other)}
models:
  either: { strategy: priority, targets: [{ provider: ill, model: x }, { provider: other, model: x }] }
routing: { retries: 0, fallback: explicit, breaker: { failures: ${FAILURES}, open: ${OPEN_MS / 1000}s } }
rate_limits: { default: { requests_per_minute: 100000, tokens_per_minute: 100000000 } }
pricing: { unknown: free }
cache: { enabled: false }
`;
    const variables = { DATABASE_URL: await createTestDatabase(), REDIS_URL: String(process.env['TEST_REDIS_URL']) };
    const first = await startGateway(yaml, variables);
    gateways = [first, await startGateway(yaml, variables)];
    key = first.apiKey;
    for (const gateway of gateways) {
      const clock = gateway.app.get(Clock);
      const monotonic = clock.monotonic.bind(clock);
      clock.monotonic = () => monotonic() + turnedMs;
    }
  });
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await Promise.all([ill.close(), other.close()]);
  });
  beforeEach(() => {
    ill.received.length = 0;
    for (const gateway of gateways) gateway.app.get(TargetHealth).forget('ill');
  });

  const ask = async (gateway: TestGateway): Promise<{ provider: string | null; attempts: string | null }> => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'either', messages: [{ role: 'user', content: 'x' }] }),
    });
    expect(response.status).toBe(200);
    await response.text();
    return {
      provider: response.headers.get('x-gateway-provider'),
      attempts: response.headers.get('x-gateway-attempts'),
    };
  };
  const phaseOf = (gateway: TestGateway) =>
    gateway.app
      .get(TargetHealth)
      .statuses()
      .find(({ provider }) => provider === 'ill')?.breaker;
  const fails = (): void => {
    ill.answer = (_, response) => void response.writeHead(500).end('{"error":{"message":"ill"}}');
  };
  const openAll = async (): Promise<void> => {
    fails();
    for (const gateway of gateways) while (phaseOf(gateway) !== 'open') await ask(gateway);
    ill.received.length = 0;
  };

  it('open each after its own failures in a row; then nobody is sent there, and no caller waits', async () => {
    fails();
    for (const [index, gateway] of gateways.entries()) {
      for (let call = 0; call < FAILURES; call += 1) expect((await ask(gateway)).attempts).toBe('2');
      expect(phaseOf(gateway)).toBe('open');
      for (let call = 0; call < FAILURES; call += 1)
        expect(await ask(gateway)).toEqual({ provider: 'other', attempts: '1' });
      expect(ill.received).toHaveLength(FAILURES * (index + 1));
    }
  });

  it('let three probes through at a time when the time is over, and close when they succeed', async () => {
    await openAll();
    const held: ServerResponse[] = [];
    ill.answer = (_, response) => void held.push(response);
    turnedMs += OPEN_MS;
    const crowd = gateways.flatMap((gateway) => Array.from({ length: CROWD }, () => ask(gateway)));
    const rest = new Set(crowd);
    for (const call of crowd) void call.then(() => rest.delete(call));
    await until(() => rest.size === PROBES * gateways.length);
    expect(held).toHaveLength(PROBES * gateways.length);
    expect(gateways.map(phaseOf)).toEqual(['half_open', 'half_open']);
    for (const response of held) well(response);
    const answers = await Promise.all(crowd);
    expect(answers.filter(({ provider }) => provider === 'ill')).toHaveLength(PROBES * gateways.length);
    expect(answers.every(({ attempts }) => attempts === '1')).toBe(true);
    expect(gateways.map(phaseOf)).toEqual(['closed', 'closed']);
    ill.answer = (_, response) => well(response);
    for (const gateway of gateways) expect(await ask(gateway)).toEqual({ provider: 'ill', attempts: '1' });
  });

  it('open again at the first probe that fails', async () => {
    await openAll();
    turnedMs += OPEN_MS;
    for (const gateway of gateways) {
      expect((await ask(gateway)).attempts).toBe('2');
      expect(phaseOf(gateway)).toBe('open');
      expect((await ask(gateway)).attempts).toBe('1');
    }
    expect(ill.received).toHaveLength(gateways.length);
  });

  it('take a limited call for no failure', async () => {
    ill.answer = (_, response) =>
      void response.writeHead(429, { 'retry-after': '7' }).end('{"error":{"message":"slow down","type":"requests"}}');
    for (let call = 0; call < 2 * FAILURES; call += 1) {
      for (const gateway of gateways) {
        expect((await ask(gateway)).provider).toBe('other');
        expect((await ask(gateway)).attempts).toBe('1');
        expect(phaseOf(gateway)).toBe('closed');
      }
      turnedMs += 60_000;
    }
    expect(ill.received).toHaveLength(2 * FAILURES * gateways.length);
  });

  it('decide in far less than a millisecond', async () => {
    await openAll();
    const health = gateways[0]!.app.get(TargetHealth);
    const target = { provider: 'ill', model: 'x', quotaDomain: 'ill' };
    expect(health.check(target, 10).kind).toBe('open');
    const startedAt = performance.now();
    for (let check = 0; check < CHECKS; check += 1) health.check(target, 10);
    const microseconds = ((performance.now() - startedAt) * 1000) / CHECKS;
    guarantee(
      'UPS-6',
      `two replicas: open after ${FAILURES} failures each, ${PROBES} probes in flight each, 429 is no failure, a refusal takes ${microseconds.toFixed(2)} µs; as its model on 100000 traces`,
    );
  });
});
