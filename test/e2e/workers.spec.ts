import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeUpstream } from '../support/fake-upstream';
import { GatewayProcess } from '../support/gateway-process';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(180_000);

const CHUNKS = 25;
const STREAMS = 6;

/** One event each tenth of a second, and then the end. */
const answer: FakeUpstream['answer'] = (received, response) => {
  if (!received.body.includes('"stream":true')) {
    response.setHeader('content-type', 'application/json');
    response.end(
      '{"id":"c","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}',
    );
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const finish = sent === CHUNKS ? '"stop"' : 'null';
    response.write(
      `data: {"id":"c","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"${sent} "},"finish_reason":${finish}}]}\n\n`,
    );
    if (sent < CHUNKS) return;
    clearInterval(timer);
    response.end('data: [DONE]\n\n');
  }, 100);
  response.once('close', () => clearInterval(timer));
};

describe('two workers', () => {
  let upstream: FakeUpstream;
  let gateway: GatewayProcess;

  const start = async (): Promise<GatewayProcess> =>
    GatewayProcess.start(
      `server: { lame_duck: 500ms, drain: 60s }
providers: { openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o-mini] } }
`,
      {
        GATEWAY_WORKERS: '2',
        DATABASE_URL: await createTestDatabase(),
        REDIS_URL: String(process.env['TEST_REDIS_URL']),
      },
      { detached: true },
    );
  const signalGroup = (of: GatewayProcess): boolean => process.kill(-(of.child.process.pid ?? 0), 'SIGTERM');
  /** The exit code, with the output where it is not the one of a good end. */
  const ended = async ({ child }: GatewayProcess): Promise<string> => {
    const code = await child.exit;
    return code === 0 ? '0' : `${code}\n${child.text}`;
  };

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    upstream.answer = answer;
    gateway = await start();
    await gateway.serves();
    await until(async () => (await scrape()).get('gateway_workers') === 2, 100_000);
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream.close();
  });

  /** Samples by name with labels. */
  const scrape = async (): Promise<Map<string, number>> => {
    const response = await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } });
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.replace(/ [^ ]*$/, ''), Number(line.slice(line.lastIndexOf(' ')))]));
  };
  const attempts = async (): Promise<number> =>
    (await scrape()).get('gateway_attempts_total{provider="openai",model="gpt-4o-mini",outcome="answered"}') ?? 0;

  it('answer a scrape with the figures of both, whichever is asked', async () => {
    const before = await attempts();
    const calls = 20;
    // Each over a connection of its own, which the primary deals out in turn.
    for (let call = 0; call < calls; call += 1) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${gateway.firstRun.api_key}`,
          'content-type': 'application/json',
          connection: 'close',
        },
        body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] }),
      });
      expect(response.status).toBe(200);
      await response.text();
    }
    for (let scrapes = 0; scrapes < 4; scrapes += 1) expect((await attempts()) - before).toBe(calls);
    const together = await Promise.all([scrape(), scrape(), scrape(), scrape()]);
    for (const samples of together) {
      expect(samples.get('gateway_workers')).toBe(2);
      // A state is not a sum.
      expect(samples.get('gateway_rate_limit_degraded')).toBe(0);
      expect(samples.get('gateway_provider_breaker_state{provider="openai",model="gpt-4o-mini"}')).toBe(0);
    }
  });

  it('let running streams finish when the whole process group is told to stop, and exit with 0', async () => {
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => gateway.ask({ model: 'gpt-4o-mini', stream: true })),
    );
    signalGroup(gateway);
    // As npm does with what the terminal has sent already.
    await sleep(100);
    gateway.child.process.kill('SIGTERM');
    for (const stream of streams) {
      const text = await stream.text();
      expect(text).toContain(`"${CHUNKS} "`);
      expect(text).toContain('[DONE]');
    }
    expect(await ended(gateway)).toBe('0');
  });

  it('end at once and with 0 when they are told to stop before they serve', async () => {
    const starting = await start();
    await starting.child.printed(/Migrations applied/);
    signalGroup(starting);
    expect(await ended(starting)).toBe('0');
    await starting.stop();
  });

  it('end with 0 when the group is told to stop while they still load their code', async () => {
    const loading = await start();
    const task = `/proc/${loading.child.process.pid}/task/${loading.child.process.pid}/children`;
    await until(() => readFileSync(task, 'utf8').trim().split(' ').length === 2);
    signalGroup(loading);
    expect(await ended(loading)).toBe('0');
    await loading.stop();
  });

  it('end at once and with 1 when they are told twice', async () => {
    const busy = await start();
    await busy.serves();
    const stream = await busy.ask({ model: 'gpt-4o-mini', stream: true });
    const cut = stream.text().then(
      () => 'whole',
      () => 'cut',
    );
    busy.child.process.kill('SIGTERM');
    await sleep(1_200);
    busy.child.process.kill('SIGTERM');
    expect(await busy.child.exit).toBe(1);
    expect(await cut).toBe('cut');
    await busy.stop();
  });
});
