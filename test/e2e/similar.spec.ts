import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { writeTinyModel } from '../../src/semantic-cache/encoder/testing/tiny-model';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

const [BALANCED, COSINE, CONSERVATIVE] = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1'];

const QUESTION = 'What are the advantages of microservices?';
const PARAPHRASE = 'What are the benefits of using microservices?';
const OPPOSITE = 'What are the disadvantages of microservices?';

const yamlOf = ({ url }: Simulator, embeddings: string): string => `
routing: { retries: 0, fallback: none }
providers:
  openai:
    api_key: k1
    base_url: "${url}/openai/v1"
    allow_private_network: true
    models: [${BALANCED}, ${COSINE}, ${CONSERVATIVE}, text-embedding-3-small]
cache:
  enabled: true
  mode: balanced
  similarity_threshold: 0.85
  embeddings: ${embeddings}
  models: { ${COSINE}: { mode: cosine }, ${CONSERVATIVE}: { mode: conservative } }
`;

const MODEL = mkdtempSync(path.join(os.tmpdir(), 'similar-model-'));
beforeAll(() => void writeTinyModel(MODEL));
afterAll(() => rmSync(MODEL, { recursive: true }));

interface Answer {
  readonly cache: string | null;
  readonly similarity: number;
  readonly status: string | null;
  readonly text: string;
  readonly requestId: string;
}

describe.each([
  ['the local encoder', '{ timeout: 10s }', 0.9],
  ['the embeddings of a provider', '{ provider: openai, timeout: 10s }', 0.3],
  ['a model in a folder', `{ path: "${MODEL}", timeout: 10s }`, 0.9],
])('questions in other words, with %s', (name, embeddings, paraphraseSimilarity) => {
  let simulator: Simulator;
  let gateway: TestGateway;
  beforeAll(async () => {
    // Slow enough for a trace to be complete before the answer is.
    simulator = await startSimulator({ speed: 0.05 });
    gateway = await startGateway(
      yamlOf(simulator, embeddings).replace('0.85', name === 'the embeddings of a provider' ? '0.3' : '0.85'),
    );
    // A model in a folder is loaded while requests are served.
    await until(async () => {
      const body = { model: BALANCED, messages: [{ role: 'user', content: QUESTION }] };
      return !(await gateway.post('/v1/explain', body)).text.includes('not_loaded');
    });
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });

  async function ask(content: string, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: BALANCED, messages: [{ role: 'user', content }], ...more }),
    });
    return {
      cache: response.headers.get('x-gateway-cache'),
      similarity: Number(response.headers.get('x-gateway-cache-similarity')),
      status: response.headers.get('cache-status'),
      requestId: String(response.headers.get('x-request-id')),
      text: await response.text(),
    };
  }
  /** A vector is made while the answer is on its way and may come after it. */
  const indexed = async (count: number): Promise<void> =>
    until(async () => {
      const { body } = await gateway.admin('GET', '/cache');
      return (body as { vectors: number }).vectors === count;
    });
  beforeEach(async () => {
    await gateway.admin('POST', '/cache/flush');
  });

  it('balanced: the same in other words is answered, its opposite is not', async () => {
    const first = await ask(QUESTION);
    expect(first.cache).toBe('miss');
    await indexed(1);
    const hit = await ask(PARAPHRASE);
    expect(hit.cache).toBe('semantic-hit');
    expect(hit.similarity).toBeGreaterThan(paraphraseSimilarity);
    expect(hit.similarity).toBeLessThan(1);
    expect(hit.status).toContain('detail=semantic');
    expect((JSON.parse(hit.text) as { choices: unknown }).choices).toEqual(
      (JSON.parse(first.text) as { choices: unknown }).choices,
    );
    const streamed = await ask(PARAPHRASE, { stream: true });
    expect(streamed.cache).toBe('semantic-hit');
    expect(streamed.text).toContain('[DONE]');
    // The trace is complete with its vector, which the simulator does not wait for.
    await gateway.post('/v1/explain', { model: BALANCED, messages: [{ role: 'user', content: OPPOSITE }] });
    const refused = await ask(OPPOSITE);
    expect(refused.cache).toBe('miss');
    const { decisions } = (await gateway.recordOf(refused.requestId)) as {
      decisions: { what: string; facts: { reasons?: string[] } }[];
    };
    const reasons = decisions.filter(({ what }) => what === 'refused').flatMap(({ facts }) => facts.reasons ?? []);
    expect(reasons).toContain('opposite');
  });

  it('the caller may raise the threshold, never lower it', async () => {
    await ask(QUESTION);
    await indexed(1);
    expect((await ask(PARAPHRASE, {}, { 'x-gateway-cache-threshold': '0.99' })).cache).toBe('miss');
    await gateway.admin('POST', '/cache/flush');
    await ask(QUESTION);
    await indexed(1);
    const low = { 'x-gateway-cache-threshold': '0' };
    expect((await ask('Who painted the ceiling of the chapel in Rome?', {}, low)).cache).toBe('miss');
    expect((await ask(PARAPHRASE, {}, low)).cache).toBe('semantic-hit');
  });

  it('each model has its own mode', async () => {
    for (const model of [COSINE, CONSERVATIVE]) await ask(QUESTION, { model });
    await indexed(1);
    expect((await ask(PARAPHRASE, { model: CONSERVATIVE })).cache).toBe('miss');
    expect((await ask(PARAPHRASE, { model: COSINE })).cache).toBe('semantic-hit');
  });

  it('nothing is compared but one user text of like requests', async () => {
    await ask(QUESTION);
    await indexed(1);
    for (const more of [
      { temperature: 0.9 },
      { max_tokens: 77 },
      {
        messages: [
          { role: 'system', content: 'Be brief' },
          { role: 'user', content: PARAPHRASE },
        ],
      },
      {
        messages: [
          { role: 'user', content: 'hello' },
          { role: 'assistant', content: 'hello' },
          { role: 'user', content: PARAPHRASE },
        ],
      },
    ])
      expect((await ask(PARAPHRASE, more)).cache).toBe('miss');
  });

  it('a wrong answer is gone, and near its question more likeness is asked for', async () => {
    await ask(QUESTION);
    await indexed(1);
    const hit = await ask(PARAPHRASE);
    expect(hit.cache).toBe('semantic-hit');
    const verdict = await fetch(`${gateway.url}/v1/cache/feedback`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request_id: hit.requestId, verdict: 'wrong' }),
    });
    expect(verdict.status).toBe(200);
    // The entry has gone from the index, what keeps its neighbourhood tight has come.
    await indexed(1);
    const third = 'What are the benefits of microservices?';
    expect((await ask(QUESTION)).cache).toBe('miss');
    await indexed(2);
    expect((await ask(third)).cache).toBe('miss');
  });
});

describe('hits that are checked', () => {
  it('the provider is asked all the same, its answer is given, and the share of wrong hits is known', async () => {
    const simulator = await startSimulator({ speed: 0 });
    const gateway = await startGateway(
      yamlOf(simulator, '{ timeout: 10s }').replace(
        '  models: {',
        '  shadow: { share: 1, budget_usd_per_day: 1 }\n  models: {',
      ),
    );
    const ask = async (content: string): Promise<Response> => {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: BALANCED, messages: [{ role: 'user', content }] }),
      });
      await response.text();
      return response;
    };
    interface Overview {
      readonly vectors: number;
      readonly net_saved_usd: string;
      readonly checked: { right: number; wrong: number; unsure: number }[];
    }
    const overview = async (): Promise<Overview> => (await gateway.admin('GET', '/cache')).body as Overview;
    await ask(QUESTION);
    await until(async () => (await overview()).vectors === 1);
    const checked = await ask(PARAPHRASE);
    expect(checked.headers.get('x-gateway-cache')).toBe('miss');
    expect(checked.headers.get('cache-status')).toContain('detail=shadow');
    // What it has cost is known at its end.
    await until(async () => Number((await overview()).net_saved_usd) < 0);
    const { checked: rows } = await overview();
    expect(rows).toHaveLength(1);
    expect(rows[0]!.right + rows[0]!.wrong + rows[0]!.unsure).toBe(1);
    expect(simulator.journal()).toHaveLength(2);
    // The answer that was made for the check is the one that is found from now on.
    expect((await ask(PARAPHRASE)).headers.get('x-gateway-cache')).toBe('hit');
    await gateway.close();
    await simulator.close();
  });
});

describe('an index in a PostgreSQL without pgvector', () => {
  it('keeps nobody from an answer, and is seen', async () => {
    const simulator = await startSimulator({ speed: 0 });
    const gateway = await startGateway(
      yamlOf(simulator, '{ timeout: 10s }').replace('cache:', 'cache:\n  index: pgvector'),
    );
    for (const content of [QUESTION, PARAPHRASE, QUESTION]) {
      const messages = [{ role: 'user', content }];
      const { status, headers } = await gateway.post('/v1/chat/completions', { model: BALANCED, messages });
      expect(status).toBe(200);
      if (content === PARAPHRASE) {
        expect(headers.get('x-gateway-cache')).toBe('miss');
        const record = await gateway.recordOf(String(headers.get('x-request-id')));
        expect(JSON.stringify(record['decisions'])).toContain('index_away');
      }
    }
    await until(async () => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      return (
        /store_failures_total\{operation="search"\} [1-9]/.test(metrics) && /operation="index"\} [1-9]/.test(metrics)
      );
    });
    const { status, body } = await gateway.admin('GET', '/cache');
    expect([status, (body as { vectors: number }).vectors]).toEqual([200, 0]);
    await gateway.close();
    await simulator.close();
  });
});

describe('an encoder that gives no vectors', () => {
  it('does not keep anybody from an answer, and is seen', async () => {
    const simulator = await startSimulator({ speed: 0 });
    const yaml = yamlOf(simulator, '{ provider: nobody, model: m, timeout: 200ms }').replace(
      'cache:',
      '  nobody: { type: openai-compatible, base_url: "http://127.0.0.1:9/v1", allow_private_network: true, models: [m] }\ncache:',
    );
    const gateway = await startGateway(yaml);
    for (let index = 0; index < 5; index += 1) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: BALANCED, messages: [{ role: 'user', content: `${QUESTION} ${index}` }] }),
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-gateway-cache')).toBe('miss');
      await response.text();
    }
    await until(async () => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      return /gateway_cache_encodings_total\{outcome="failed"\} [1-9]/.test(metrics);
    });
    await gateway.close();
    await simulator.close();
  });

  it('nor does a model that cannot be loaded', async () => {
    const simulator = await startSimulator({ speed: 0 });
    const folder = path.join(MODEL, 'odd');
    writeTinyModel(folder, { inputs: ['pixel_values'] });
    const gateway = await startGateway(yamlOf(simulator, `{ path: "${folder}" }`));
    const { headers } = await gateway.post('/v1/chat/completions', {
      model: BALANCED,
      messages: [{ role: 'user', content: QUESTION }],
    });
    expect(headers.get('x-gateway-cache')).toBe('miss');
    const { decisions } = (await gateway.recordOf(String(headers.get('x-request-id')))) as {
      decisions: { what: string; facts: { why?: string } }[];
    };
    expect(decisions.find(({ what }) => what === 'not_compared')?.facts.why).toBe('not_loaded');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_cache_encodings_total\{outcome="not_loaded"\} [1-9]/);
    await gateway.close();
    await simulator.close();
  });
});
