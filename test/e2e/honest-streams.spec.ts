import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import { verifyLedger } from '../../src/billing';
import { estimateTokens } from '../../src/core/tokens';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { until } from '../support/until';

jest.setTimeout(120_000);

const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';
const ABORTS = 12;

/** A provider that takes no notice of `max_tokens`: it writes until somebody hangs up. */
class Chatterbox {
  written = 0;
  closedAtMs = 0;
  private readonly server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (content: string): string =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: GPT, choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
    const timer = setInterval(() => {
      this.written += 20;
      response.write(chunk('and one more word '.repeat(5)));
    }, 2);
    response.on('close', () => {
      clearInterval(timer);
      this.closedAtMs = performance.now();
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

interface AttemptJson {
  readonly status: string;
  readonly error: string | null;
  readonly usage_source: string;
  readonly output_tokens: number;
}

describe('streams that do not end as planned', () => {
  let simulator: Simulator;
  const chatterbox = new Chatterbox();
  let aborting: TestGateway;
  let draining: TestGateway;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    const talker = await chatterbox.start();
    const yaml = (policy: string): string => `
streams: { on_disconnect: ${policy} }
routing: { retries: 0, fallback: none }
cache: { enabled: false }
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${GPT}] }
  anthropic: { api_key: k2, base_url: "${simulator.url}/anthropic", allow_private_network: true, models: [${CLAUDE}] }
  talker: { type: openai-compatible, api_key: k3, base_url: "${talker}", allow_private_network: true, models: [endless] }
pricing: { overrides: { "talker/endless": { input: 1, output: 10 } } }
budgets:
  all: { scope: organization, limit_usd: 1000, period: total }
`;
    aborting = await startGateway(yaml('abort'));
    draining = await startGateway(yaml('drain'));
  });

  afterAll(async () => {
    await aborting.close();
    await draining.close();
    chatterbox.close();
    await simulator.close();
  });

  beforeEach(() => simulator.reset());

  /** Asks for a slow stream and hangs up after some bytes; what was read until then, and the request's id. */
  const hangUp = async (gateway: TestGateway, model: string, afterBytes: number, prompt: string) => {
    const controller = new AbortController();
    const route = model === CLAUDE ? '/v1/messages' : '/v1/chat/completions';
    const response = await fetch(`${gateway.url}${route}`, {
      method: 'POST',
      signal: controller.signal,
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 400, stream: true, messages: [{ role: 'user', content: prompt }] }),
    });
    let text = '';
    try {
      for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(bytes).toString('utf8');
        if (text.length >= afterBytes) controller.abort();
      }
    } catch {
      // That was us.
    }
    return { id: response.headers.get('x-request-id') ?? '', text, leftAtMs: performance.now() };
  };

  /** The tokens of the content that a client has read. */
  const readTokens = (text: string): number =>
    estimateTokens(
      sseData(text.slice(0, text.lastIndexOf('\n\n') + 2))
        .map((data) => {
          const { choices, delta } = data as {
            choices?: { delta?: { content?: string } }[];
            delta?: { text?: string };
          };
          return choices?.[0]?.delta?.content ?? delta?.text ?? '';
        })
        .join(''),
    );

  const attemptOf = async (gateway: TestGateway, id: string): Promise<AttemptJson> => {
    const record = (await gateway.recordOf(id)) as { attempts: AttemptJson[]; error_code: string | null };
    expect(record.error_code).toBe('client_closed');
    return record.attempts[0]!;
  };

  it('a client that leaves is billed for at least what it has read, and the provider is stopped (USE-4)', async () => {
    let slowestMs = 0;
    for (let round = 0; round < ABORTS; round += 1) {
      simulator.reset();
      const model = round % 2 === 0 ? GPT : CLAUDE;
      const afterBytes = 1_200 + Math.floor(Math.random() * 6_000);
      const { id, text, leftAtMs } = await hangUp(aborting, model, afterBytes, '[[tokens:350]] [[fault:slow=4]]');
      await until(() => simulator.journal()[0]?.closedBy === 'client');
      slowestMs = Math.max(slowestMs, performance.now() - leftAtMs);
      const attempt = await attemptOf(aborting, id);
      const read = readTokens(text);
      expect(read).toBeGreaterThan(0);
      expect(attempt).toMatchObject({ status: 'aborted', usage_source: 'counted' });
      expect(attempt.output_tokens).toBeGreaterThanOrEqual(read);
      // Not the whole answer either: it was stopped.
      expect(simulator.journal()[0]!.outputTokens).toBeLessThan(350);
    }
    guarantee(
      'USE-4',
      `${ABORTS} clients left at random bytes: tokens booked >= tokens read in all, provider stopped within ${Math.ceil(slowestMs)} ms`,
    );
  });

  it.each([GPT, CLAUDE])('with "drain" the books say exactly what the provider billed: %s (USE-4)', async (model) => {
    const { id } = await hangUp(draining, model, 1_500, '[[tokens:200]] [[fault:slow=3]]');
    const attempt = await attemptOf(draining, id);
    const [truth] = simulator.journal();
    expect(truth).toMatchObject({ finished: true });
    expect(attempt).toMatchObject({
      status: 'succeeded',
      usage_source: 'provider',
      output_tokens: truth!.outputTokens,
    });
  });

  it('a provider that writes beyond what was paid for is cut, with an error event, on record and in a metric (BUD-5)', async () => {
    const response = await fetch(`${aborting.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${aborting.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'talker/endless',
        max_tokens: 200,
        stream: true,
        messages: [{ role: 'user', content: 'Say one word.' }],
      }),
    });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(sseData(text).at(-1)).toMatchObject({ error: { code: 'budget_cutoff' } });
    expect(text).not.toContain('[DONE]');
    await until(() => chatterbox.closedAtMs > 0);
    const record = await aborting.recordOf(response.headers.get('x-request-id') ?? '');
    expect(record).toMatchObject({
      error_code: 'budget_cutoff',
      attempts: [{ status: 'aborted', error: 'cutoff', usage_source: 'counted' }],
    });
    const [attempt] = record['attempts'] as AttemptJson[];
    expect(attempt!.output_tokens).toBeGreaterThan(200);
    expect(JSON.stringify(record['decisions'])).toContain('"overrun"');
    const metrics = await (await fetch(`${aborting.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_budget_overruns_total\{provider="talker",model="endless"\} 1/);
    const database = aborting.app.get(DataSource);
    expect((await verifyLedger(database)).filter(({ differences }) => differences.length > 0)).toEqual([]);
    guarantee(
      'BUD-5',
      `cut after ${attempt!.output_tokens} counted tokens where 200 were paid for; booked, in the trace and in a metric`,
    );
  });

  it('a bill of three times what was agreed is booked as it is, and takes room from the calls to come (BUD-5)', async () => {
    const response = await fetch(`${aborting.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${aborting.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: GPT,
        max_tokens: 300,
        messages: [{ role: 'user', content: '[[tokens:300]] [[fault:bill=3x]]' }],
      }),
    });
    expect(response.status).toBe(200);
    const record = (await aborting.recordOf(response.headers.get('x-request-id') ?? '')) as unknown as {
      attempts: AttemptJson[];
    };
    expect(record.attempts[0]!.output_tokens).toBeGreaterThan(300);
    const metrics = await (await fetch(`${aborting.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_budget_overruns_total\{provider="openai",model="gpt-4o-mini"\} 1/);
  });
});
