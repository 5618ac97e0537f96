import type { ServerResponse } from 'node:http';
import { parseUsd } from '../../src/core/money';
import { completionJson } from '../support/answers';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

const DIMENSION = 16;
/** In pico-dollars: a price that does not come to whole nano-dollars. */
const PICO_PER_TOKEN = 21_300n;

interface Row {
  readonly id: string;
  readonly team_id: string;
  readonly status: number;
  readonly cost_usd: string;
  readonly requested_model: string;
}
interface Overview {
  readonly vectors: number;
  readonly saved_usd: string;
  readonly net_saved_usd: string;
  readonly spent_usd: { readonly embeddings: string };
}

const json = (response: ServerResponse, body: object): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** Texts that begin with other letters have nothing in common. */
const vectorOf = (text: string): number[] =>
  Array.from({ length: DIMENSION }, (_, place) => Number(text.charCodeAt(0) % DIMENSION === place));

describe('the embeddings that the cache asks a provider for', () => {
  let chat: FakeUpstream;
  let encoder: FakeUpstream;
  let gateway: TestGateway;
  /** What each call to the provider comes to, as its bill would have it. */
  const billed: bigint[] = [];

  beforeEach(async () => {
    [chat, encoder] = [await FakeUpstream.start(), await FakeUpstream.start()];
    billed.length = 0;
    chat.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(completionJson('m-1'));
    };
    encoder.answer = ({ body }, response) => {
      const { input } = JSON.parse(body.toString()) as { input: string };
      const tokens = input.length;
      billed.push((BigInt(tokens) * PICO_PER_TOKEN + 999n) / 1000n);
      json(response, {
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: vectorOf(input) }],
        model: 'vec-1',
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      });
    };
  });
  afterEach(async () => {
    await gateway.close();
    await Promise.all([chat.close(), encoder.close()]);
  });

  const start = async (price = 'vec: { input: 0.0213, output: 0 }, ', unknown = 'block'): Promise<void> => {
    gateway = await startGateway(`
routing: { retries: 0, fallback: none }
providers:
  main: { type: openai-compatible, base_url: "${chat.url}/v1", allow_private_network: true, models: [m] }
  vectors: { type: openai-compatible, base_url: "${encoder.url}/v1", allow_private_network: true, models: [other] }
pricing: { unknown: ${unknown}, overrides: { ${price}m: { input: 1, output: 1 } } }
cache: { enabled: true, mode: cosine, scope: organization, embeddings: { provider: vectors, model: vec, timeout: 10s } }
`);
  };
  const keyOfTeam = async (name: string): Promise<{ key: string; team: string }> => {
    const departments = (await gateway.admin('GET', '/departments')).body as { data: { id: string }[] };
    const team = await gateway.admin('POST', '/teams', { name, department_id: departments.data[0]!.id });
    const { id } = team.body as { id: string };
    const { body } = await gateway.admin('POST', '/keys', { name: 'k', team_id: id });
    return { key: (body as { secret: string }).secret, team: id };
  };
  const ask = (content: string, key: string) =>
    gateway.post(
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'user', content }] },
      { authorization: `Bearer ${key}` },
    );
  const overview = async (): Promise<Overview> => (await gateway.admin('GET', '/cache')).body as Overview;
  const rows = async (): Promise<Row[]> =>
    ((await gateway.admin('GET', '/requests?endpoint=cache.embeddings&limit=200')).body as { data: Row[] }).data;
  const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n);

  it('are on record, each on account of who asked, and come to what the provider charges', async () => {
    await start();
    const teams = [await keyOfTeam('one'), await keyOfTeam('two')];
    // Some at the same time, some in the same words.
    const texts = Array.from({ length: 12 }, (_, index) => `${'abcdefgh'[index % 8]} is what, number ${index % 8}?`);
    const answers = await Promise.all(texts.map((text, index) => ask(text, teams[index % 2]!.key)));
    expect(answers.map(({ status }) => status)).toEqual(texts.map(() => 200));
    await until(async () => (await overview()).vectors === 8);
    await until(async () => (await rows()).length === encoder.received.length);
    const all = await rows();
    expect(all.length).toBeGreaterThanOrEqual(8);
    for (const row of all) expect(row).toMatchObject({ status: 200, requested_model: 'vec' });
    for (const { team } of teams) expect(all.some(({ team_id }) => team_id === team)).toBe(true);
    const recorded = sumOf(all.map(({ cost_usd }) => parseUsd(cost_usd)));
    expect(recorded).toBe(sumOf(billed));
    const { spent_usd: spent, net_saved_usd: net, saved_usd: saved } = await overview();
    expect(parseUsd(spent.embeddings)).toBe(sumOf(billed));
    expect(BigInt(Math.round(Number(saved) * 1e9)) - BigInt(Math.round(Number(net) * 1e9))).toBe(sumOf(billed));
    const record = await gateway.recordOf(all[0]!.id);
    expect(record).toMatchObject({ usage_source: 'provider', attempts: [{ provider: 'vectors', model: 'vec' }] });
  });

  it('are not asked for where nobody pays for them, which is no failure of the encoder', async () => {
    await start();
    const [poor, rich] = [await keyOfTeam('poor'), await keyOfTeam('rich')];
    await gateway.admin('POST', '/budgets', {
      scope: 'team',
      scope_id: poor.team,
      limit_usd: '0.000000001',
      period: 'month',
      models: ['vec'],
    });
    let number = 0;
    const text = (): string => `${'abcdefghijklmnop'[(number += 1)]} is what of its kind?`;
    await until(async () => {
      const before = encoder.received.length;
      expect((await ask(text(), poor.key)).status).toBe(200);
      return encoder.received.length === before;
    });
    const before = encoder.received.length;
    for (let round = 0; round < 5; round += 1) {
      const { headers, status } = await ask(text(), poor.key);
      expect([status, headers.get('x-gateway-cache')]).toEqual([200, 'miss']);
    }
    expect(encoder.received).toHaveLength(before);
    // Once for each question, however often the cache wants its vector.
    await until(async () => (await rows()).filter(({ status }) => status === 429).length >= 5);
    expect((await rows()).filter(({ status }) => status === 429).length).toBeLessThanOrEqual(number);
    const vectors = (await overview()).vectors;
    await ask(text(), rich.key);
    await until(async () => (await overview()).vectors === vectors + 1);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_cache_encodings_total\{outcome="refused"\} [1-9]/);
    expect(metrics).not.toContain('gateway_cache_encodings_total{outcome="failed"}');
  });

  it('without a price are as free as all unpriced calls, where they are', async () => {
    await start('', 'free');
    const one = await keyOfTeam('one');
    await ask('a question without a price', one.key);
    await until(async () => (await overview()).vectors === 1);
    await until(async () => (await rows()).length === 1);
    expect((await rows())[0]).toMatchObject({ status: 200, cost_usd: '0' });
    expect(Number((await overview()).spent_usd.embeddings)).toBe(0);
  });

  it('without a price are not made where unpriced calls are refused: the encoder counts as away', async () => {
    await start('');
    const one = await keyOfTeam('one');
    for (let number = 0; number < 6; number += 1) {
      const { headers, status } = await ask(`${number} is a question without a price`, one.key);
      expect([status, headers.get('x-gateway-cache')]).toEqual([200, 'miss']);
    }
    expect(encoder.received).toEqual([]);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_cache_encodings_total\{outcome="failed"\} [1-9]/);
    expect(metrics).toMatch(/gateway_cache_encodings_total\{outcome="resting"\} [1-9]/);
  });
});
