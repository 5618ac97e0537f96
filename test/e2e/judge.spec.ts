import { PASSWORD } from '../browser/support/company';
import { ConsoleClient } from '../browser/support/console-client';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type InferenceAnswer, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

/** The guard takes another word for another question. */
const questionOf = (word: string, factors = 'two'): string =>
  `How do I ${word} ${factors}-factor authentication on my account?`;
const FIRST = questionOf('enable');
const SECOND = questionOf('activate');

const JUDGE = 'model: judge, budget_usd_per_day: 1, min_similarity: 0.5';

const completion = (content: string): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'm-1',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
  });

const yamlOf = (model: string, judge: string, cache: string): string => `
routing: { retries: 0, fallback: none }
providers:
  main: { type: openai-compatible, base_url: "${model}/v1", allow_private_network: true, models: [m] }
  court: { type: openai-compatible, base_url: "${judge}/v1", allow_private_network: true, models: [judge] }
pricing: { overrides: { m: { input: 1, output: 1 }, judge: { input: 1, output: 1 } } }
cache:
  enabled: true
  ttl_seconds: 3600
  embeddings: { timeout: 10s }
  ${cache}
`;

interface Overview {
  readonly vectors: number;
  readonly judged: Readonly<Record<string, number>>;
  readonly spent_usd: { readonly judge: string; readonly shadow: string };
  readonly net_saved_usd: string;
  readonly saved_usd: string;
  readonly hits: { readonly alias: number };
}
interface Alias {
  readonly id: string;
  readonly entry_id: string;
  readonly judge: string;
  readonly request_id: string;
  readonly judge_request_id: string;
  readonly similarity: number;
}

describe('near misses that a model judges', () => {
  let upstream: FakeUpstream;
  let court: FakeUpstream;
  let gateway: TestGateway;
  let verdict = 'SAME';
  let answer = 'Open the settings, choose security and switch it on there.';

  beforeEach(async () => {
    verdict = 'SAME';
    answer = 'Open the settings, choose security and switch it on there.';
    [upstream, court] = [await FakeUpstream.start(), await FakeUpstream.start()];
    upstream.answer = (_, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(completion(answer));
    court.answer = (_, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(completion(verdict));
  });
  afterEach(async () => {
    await gateway.close();
    await Promise.all([upstream.close(), court.close()]);
  });
  const start = async (cache = `judge: { ${JUDGE} }`): Promise<void> => {
    gateway = await startGateway(yamlOf(upstream.url, court.url, cache));
  };
  const ask = (content: string, headers: Record<string, string> = {}): Promise<InferenceAnswer> =>
    gateway.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content }] }, headers);
  const overview = async (): Promise<Overview> => (await gateway.admin('GET', '/cache')).body as Overview;
  const aliases = async (): Promise<Alias[]> =>
    ((await gateway.admin('GET', '/cache/aliases')).body as { data: Alias[] }).data;
  const judged = (outcome: string, count = 1): Promise<void> =>
    until(async () => (await overview()).judged[outcome] === count);
  const cacheOf = ({ headers }: InferenceAnswer): string | null => headers.get('x-gateway-cache');
  /** The second question as it comes back when its own answer has gone. */
  const forgetOwn = async (id: string): Promise<void> =>
    expect((await gateway.admin('DELETE', `/cache/entries/${id}`)).status).toBe(204);

  /** Both questions asked and linked; the id of the second. */
  async function linked(): Promise<string> {
    expect(cacheOf(await ask(FIRST))).toBe('miss');
    await until(async () => (await overview()).vectors === 1);
    const second = await ask(SECOND);
    expect(cacheOf(second)).toBe('miss');
    await judged('same');
    const all = await aliases();
    expect(all).toHaveLength(2);
    expect(all[0]).toMatchObject({ judge: 'court/m-1', request_id: second.headers.get('x-request-id') });
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(all.map((alias) => alias.entry_id)));
    const entries = (await gateway.admin('GET', '/cache/entries')).body as {
      data: { id: string; created_at: string }[];
    };
    const [latest] = [...entries.data].sort((left, right) => right.created_at.localeCompare(left.created_at));
    return latest!.id;
  }

  it('what is found to be one question is answered as one, on record and paid for', async () => {
    await start();
    const id = await linked();
    await forgetOwn(id);
    const hit = await ask(SECOND);
    expect(cacheOf(hit)).toBe('semantic-hit');
    expect(hit.headers.get('cache-status')).toContain('detail=alias');
    expect(Number(hit.headers.get('x-gateway-cache-similarity'))).toBeGreaterThan(0.5);
    expect(Number(hit.headers.get('x-gateway-cache-similarity'))).toBeLessThan(1);
    expect(upstream.received).toHaveLength(2);
    // A caller who asks for more likeness gets no other question's answer.
    expect(
      cacheOf(await ask(SECOND, { 'x-gateway-cache-threshold': '0.999', 'cache-control': 'only-if-cached' })),
    ).toBe('miss');

    const [alias] = await aliases();
    const record = await gateway.recordOf(String(alias?.judge_request_id));
    expect(record).toMatchObject({
      endpoint: 'cache.judge',
      status: 200,
      cost_usd: '0.000014',
      team_id: expect.any(String),
    });
    expect(record['attempts']).toHaveLength(1);
    const { spent_usd: spent, hits, saved_usd: saved, net_saved_usd: net } = await overview();
    expect(spent.judge).toBe('0.000014');
    expect(hits.alias).toBe(1);
    expect(Number(net)).toBeCloseTo(Number(saved) - Number(spent.judge), 9);
    expect(court.lastJson()).toMatchObject({ model: 'judge', temperature: 0 });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain('gateway_cache_judgements_total{outcome="same"} 1');

    // An operator takes it back.
    expect((await gateway.admin('DELETE', `/cache/aliases/${id}`)).status).toBe(204);
    expect((await gateway.admin('DELETE', `/cache/aliases/${id}`)).status).toBe(404);
    expect((await gateway.admin('DELETE', '/cache/aliases/x')).status).toBe(404);
    expect(cacheOf(await ask(SECOND))).toBe('miss');
  });

  it('the console shows a link, and takes it back', async () => {
    await start();
    const id = await linked();
    const operator = { email: 'operator@example.com', name: 'Operator', role: 'admin', team_ids: [] };
    const { body } = await gateway.admin('POST', '/users', operator);
    await gateway.admin('POST', `/users/${(body as { id: string }).id}/password`, { password: PASSWORD });
    const browser = new ConsoleClient(gateway.url);
    await browser.signIn(operator.email, PASSWORD);
    expect((await browser.get('/admin/cache')).text).toContain('<h2>Judged to be one question</h2>');
    const removed = await browser.post(`/admin/cache/aliases/${id}/remove`);
    expect(removed.text).toContain('The question gets answers of its own again.');
    expect((await aliases()).map((alias) => alias.id)).not.toContain(id);
  });

  it('a verdict of a caller takes a link back for good', async () => {
    await start();
    await forgetOwn(await linked());
    const hit = await ask(SECOND);
    expect(cacheOf(hit)).toBe('semantic-hit');
    const body = { request_id: hit.headers.get('x-request-id'), verdict: 'wrong' };
    expect((await gateway.post('/v1/cache/feedback', body)).status).toBe(200);
    expect(await aliases()).toEqual([]);
    expect(cacheOf(await ask(FIRST))).toBe('miss');
    expect(cacheOf(await ask(SECOND))).toBe('miss');
    expect(await aliases()).toEqual([]);
  });

  it('so does a check that finds it wrong', async () => {
    await start(`judge: { ${JUDGE} }\n  shadow: { share: 1, budget_usd_per_day: 1 }`);
    await forgetOwn(await linked());
    answer = 'Penguins are birds of southern oceans.';
    const checked = await ask(SECOND);
    expect(checked.headers.get('cache-status')).toContain('detail=shadow');
    await until(async () => (await aliases()).length === 0);
    expect(court.received).toHaveLength(1);
  });

  it('a hit that was to be checked is given when every provider fails', async () => {
    await start(`judge: { ${JUDGE} }\n  shadow: { share: 1, budget_usd_per_day: 1 }`);
    await forgetOwn(await linked());
    upstream.answer = (_, response) => void response.writeHead(503).end();
    const hit = await ask(SECOND);
    expect({ status: hit.status, cache: cacheOf(hit) }).toEqual({ status: 200, cache: 'semantic-hit' });
    expect(hit.headers.get('x-gateway-attempts')).toBe('1');
    // What is wrong with the request is told to the caller.
    upstream.answer = (_, response) =>
      void response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
    const refused = await ask(SECOND);
    expect({ status: refused.status, cache: cacheOf(refused) }).toEqual({ status: 400, cache: 'miss' });
  });

  it('a check is paid for whatever comes of it', async () => {
    await start(`judge: { ${JUDGE} }\n  shadow: { share: 1, budget_usd_per_day: 1 }`);
    await forgetOwn(await linked());
    upstream.answer = (_, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(completion('cut off').replace('"stop"', '"length"'));
    expect((await ask(SECOND)).headers.get('cache-status')).toContain('detail=shadow');
    await until(async () => (await overview()).spent_usd.shadow === '0.000014');
  });

  it('a judge who says no links nothing and is not asked again', async () => {
    verdict = 'DIFFERENT';
    await start();
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    await ask(SECOND);
    await judged('different');
    await ask(SECOND, { 'cache-control': 'max-age=0' });
    await ask(questionOf('enable', 'three'));
    await until(async () => (await overview()).vectors === 3);
    expect(await aliases()).toEqual([]);
    // What differs in a number is nothing to ask a judge about.
    expect(court.received).toHaveLength(1);
  });

  it('nobody is asked when the two answers are others, or when the money is used up', async () => {
    await start('judge: { model: judge, budget_usd_per_day: 0.000001, min_similarity: 0.5 }');
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    answer = 'Penguins are birds of southern oceans.';
    await ask(SECOND);
    await judged('other_answer');
    expect(court.received).toHaveLength(0);
    answer = 'Open the settings, choose security and switch it on there.';
    await ask(questionOf('configure'));
    await judged('same');
    await ask(questionOf('get'));
    await judged('no_budget');
    expect(court.received).toHaveLength(1);
  });

  it('a judge who hangs keeps nobody waiting, ends at its bound and is seen', async () => {
    court.answer = () => {};
    await start(`judge: { ${JUDGE}, timeout: 300ms }`);
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    expect((await ask(SECOND)).status).toBe(200);
    await judged('failed');
    expect(await aliases()).toEqual([]);
    expect(court.received).toHaveLength(1);
  });

  it('a call that fails is paid for as well', async () => {
    court.answer = () => {};
    await start('judge: { model: judge, budget_usd_per_day: 0.000001, min_similarity: 0.5, timeout: 300ms }');
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    await ask(SECOND);
    await judged('failed');
    expect(Number((await overview()).spent_usd.judge)).toBeGreaterThan(0);
    await ask(questionOf('configure'));
    await judged('no_budget');
    expect(court.received).toHaveLength(1);
  });

  it('a judge without a price is not asked: no budget could bound him', async () => {
    const pricing = '{ m: { input: 1, output: 1 }, judge: { input: 1, output: 1 } }';
    const yaml = yamlOf(upstream.url, court.url, `judge: { ${JUDGE} }`);
    expect(yaml).toContain(pricing);
    gateway = await startGateway(yaml.replace(`overrides: ${pricing}`, 'unknown: free'));
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    await ask(SECOND);
    await judged('unpriced');
    expect(court.received).toHaveLength(0);
    expect(await aliases()).toEqual([]);
  });

  it('a gateway that stops ends the call under way and begins none of those that wait', async () => {
    court.answer = () => {};
    await start();
    await ask(FIRST);
    await until(async () => (await overview()).vectors === 1);
    for (const word of ['activate', 'configure', 'get']) await ask(questionOf(word));
    await until(() => Promise.resolve(court.received.length === 1));
    await gateway.close();
    expect(court.received).toHaveLength(1);
    await start();
  });
});
