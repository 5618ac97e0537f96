import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { sseData } from '../support/fixtures';
import { guarantee } from '../support/guarantee';
import { startGateway, type TestGateway } from '../support/gateway';

const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';
const MODELS = [GPT, CLAUDE] as const;

const yamlOf = (simulator: Simulator, cache: string): string => `
routing: { retries: 0, fallback: none }
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${GPT}, gpt-4o] }
  anthropic: { api_key: k2, base_url: "${simulator.url}/anthropic", allow_private_network: true, models: [${CLAUDE}] }
cache: ${cache}
`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What is looked at of an answer or an event, in both dialects. */
interface Body {
  readonly choices?: {
    readonly message?: { readonly content: string };
    readonly delta?: { readonly content?: string };
  }[];
  readonly content?: { readonly text?: string }[];
  readonly delta?: { readonly text?: string };
  readonly usage?: Record<string, number> | null;
  readonly message?: { readonly usage?: Record<string, number> };
}

let question = 0;
/** Requests whose answer was broken on purpose. */
let faulty = 0;
/** A question nobody has asked before. */
const fresh = (about = 'a question'): string => `${about} number ${(question += 1)} of this run`;

describe('the cache', () => {
  let simulator: Simulator;
  let gateway: TestGateway;

  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0 });
    gateway = await startGateway(yamlOf(simulator, '{ enabled: true }'));
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });

  const calls = (): number => simulator.journal().length;

  async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
  const ask = (model: string, content: string, more: object = {}, headers: Record<string, string> = {}) =>
    post('/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more }, headers);
  const message = (model: string, content: string, more: object = {}, headers: Record<string, string> = {}) =>
    post('/v1/messages', { model, max_tokens: 500, messages: [{ role: 'user', content }], ...more }, headers);
  const status = ({ headers }: Answer): string | null => headers.get('x-gateway-cache');

  /** The words of an answer in any of the four forms. */
  function wordsOf({ text, headers }: Answer): string {
    if (!headers.get('content-type')?.includes('event-stream')) {
      const body = JSON.parse(text) as Body;
      return body.choices?.[0]?.message?.content ?? (body.content ?? []).map((block) => block.text ?? '').join('');
    }
    return (sseData(text) as Body[])
      .map((data) => data.choices?.[0]?.delta?.content ?? data.delta?.text ?? '')
      .join('');
  }

  describe.each(MODELS)('with %s', (model) => {
    const forms: [string, (content: string, stream: boolean) => Promise<Answer>][] = [
      [
        'openai',
        (content, stream) => ask(model, content, stream ? { stream, stream_options: { include_usage: true } } : {}),
      ],
      ['anthropic', (content, stream) => message(model, content, { stream })],
    ];
    describe.each(forms)('in the %s dialect', (_, send) => {
      it.each([false, true])('what was first asked with stream=%s is replayed in both forms', async (first) => {
        const content = fresh();
        const before = calls();
        const miss = await send(content, first);
        expect({ status: miss.status, cache: status(miss) }).toEqual({ status: 200, cache: 'miss' });
        expect(miss.headers.get('cache-status')).toBe('ai-gateway; fwd=miss');
        for (const stream of [false, true]) {
          const hit = await send(content, stream);
          expect({ status: hit.status, cache: status(hit) }).toEqual({ status: 200, cache: 'hit' });
          expect(wordsOf(hit)).toBe(wordsOf(miss));
          expect(hit.headers.get('x-gateway-cache-similarity')).toBe('1.0000');
          expect(Number(hit.headers.get('age'))).toBeLessThan(60);
          expect(hit.headers.get('cache-status')).toMatch(/^ai-gateway; hit; ttl=3[2-6]\d\d; detail=exact$/);
          expect(hit.headers.get('x-gateway-provider')).toBe(miss.headers.get('x-gateway-provider'));
          expect(hit.headers.get('x-gateway-model')).toBe(miss.headers.get('x-gateway-model'));
          if (!stream) expect(hit.headers.get('x-gateway-cost-usd')).toBe('0');
        }
        expect(wordsOf(miss)).not.toBe('');
        expect(calls()).toBe(before + 1);
        const figures = [await send(content, false), await send(content, true)].map(usageOf);
        expect(figures[0]).toEqual(figures[1]);
        expect(figures[0]).toEqual(usageOf(miss));
      });
    });
  });

  /** The provider's count as the client is told, whatever the form. */
  function usageOf({ text, headers }: Answer): { input: number; output: number } {
    const isStream = headers.get('content-type')?.includes('event-stream');
    const all = (isStream ? sseData(text) : [JSON.parse(text)]) as Body[];
    let input = 0;
    let output = 0;
    for (const data of all) {
      for (const usage of [data.usage, data.message?.usage]) {
        input = usage?.['prompt_tokens'] ?? usage?.['input_tokens'] ?? input;
        output = usage?.['completion_tokens'] ?? usage?.['output_tokens'] ?? output;
      }
    }
    return { input, output };
  }

  it('the official SDKs read a replayed stream to its end', async () => {
    const content = fresh();
    const openai = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const anthropic = new Anthropic({ apiKey: gateway.apiKey, baseURL: gateway.url, maxRetries: 0 });
    for (const model of MODELS) {
      const body = { model, messages: [{ role: 'user' as const, content }] };
      const [first, second] = [
        await openai.chat.completions.create(body),
        await openai.chat.completions.stream(body).finalChatCompletion(),
      ];
      expect(second.choices[0]?.message.content).toBe(first.choices[0]?.message.content);
      expect(second.choices[0]?.finish_reason).toBe('stop');
      const made = await anthropic.messages.create({ ...body, max_tokens: 300 });
      const streamed = await anthropic.messages.stream({ ...body, max_tokens: 300 }).finalMessage();
      expect(streamed.content).toEqual(made.content);
      expect(streamed.stop_reason).toBe('end_turn');
      expect(streamed.usage.output_tokens).toBe(made.usage.output_tokens);
    }
  });

  it('an answer served from the cache is on record: no attempt, no cost, what it saved', async () => {
    const content = fresh();
    const miss = await ask(GPT, content);
    const hit = await ask(GPT, content);
    const [made, replayed] = await Promise.all(
      [miss, hit].map(({ headers }) => gateway.recordOf(String(headers.get('x-request-id')))),
    );
    expect(made).toMatchObject({ cache_status: 'miss', saved_usd: '0' });
    expect(replayed).toMatchObject({ cache_status: 'hit', cost_usd: '0', saved_usd: made!['cost_usd'], attempts: [] });
    expect(Number(made!['cost_usd'])).toBeGreaterThan(0);
  });

  it('surface makes no difference, content does', async () => {
    const name = fresh('place');
    await ask(GPT, `What is the capital of ${name}?`);
    expect(status(await ask(GPT, `what's the capital of ${name}`))).toBe('hit');
    expect(status(await ask(GPT, `Hi,  what is the CAPITAL of ${name}?? Thanks!`.replace('CAPITAL', 'capital')))).toBe(
      'hit',
    );
    expect(status(await ask(GPT, `What is the capital city of ${name}?`))).toBe('miss');
    expect(status(await ask(GPT, `What is not the capital of ${name}?`))).toBe('miss');
  });

  it('another question of the same words is a semantic hit, one of other words is not', async () => {
    const first = await ask(GPT, 'What is the way to reset the password of a router?');
    expect(status(first)).toBe('miss');
    const near = await ask(GPT, 'How do I reset the password of my router?');
    expect(status(near)).toBe('miss');
    const hit = await ask(GPT, 'How can I reset the password of a router?');
    expect(status(hit)).toBe('semantic-hit');
    expect(wordsOf(hit)).toBe(wordsOf(first));
    const similarity = Number(hit.headers.get('x-gateway-cache-similarity'));
    expect(similarity).toBeGreaterThanOrEqual(0.95);
    expect(similarity).toBeLessThan(1);
    const strict = await ask(
      GPT,
      'How should I reset the password of a router?',
      {},
      { 'x-gateway-cache-threshold': '1' },
    );
    expect(status(strict)).toBe('miss');
    expect(status(await ask(GPT, 'How can I reset the password of 2 routers?'))).toBe('miss');
  });

  it.each([
    ['model', () => ({ model: 'gpt-4o' })],
    ['temperature', () => ({ temperature: 0.1 })],
    ['tools', () => ({ tools: [{ type: 'function', function: { name: 'f', parameters: {} } }], tool_choice: 'none' })],
    ['response_format', () => ({ response_format: { type: 'json_object' } })],
    ['max_tokens', () => ({ max_tokens: 999 })],
    ['an unknown field', () => ({ future_field: 1 })],
    ['seed', () => ({ seed: 7 })],
  ])('another %s is another question', async (_, change) => {
    const content = fresh();
    await ask(GPT, content);
    expect(status(await ask(GPT, content, change()))).toBe('miss');
    expect(status(await ask(GPT, content, { user: 'someone', metadata: { a: 'b' } }))).toBe('hit');
  });

  it.each([
    ['cut by its bound', { max_tokens: 3 }, ''],
    ['a refusal', {}, '[[refuse]]'],
    [
      'a call of a tool',
      {
        tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }],
        tool_choice: 'required',
      },
      '',
    ],
  ])('an answer that is %s is never stored', async (_, more, marker) => {
    for (const stream of [false, true]) {
      const content = `${fresh()} ${marker}`;
      expect(status(await ask(GPT, content, { ...more, stream }))).toBe('miss');
      expect(status(await ask(GPT, content, { ...more, stream }))).toBe('miss');
    }
  });

  it.each([
    '500',
    'html200',
    'empty200',
    'cut-after=2',
    'fin-after=2',
    'half-event-after=2',
    'malformed-after=2',
    'error-after=2',
  ])('UPS-1, SEC-2: nothing of a provider that does "%s" is stored', async (fault) => {
    for (const [send, model] of [
      [ask, GPT],
      [message, CLAUDE],
    ] as const) {
      for (const stream of [true, false]) {
        if (!stream && fault.includes('after')) continue;
        const content = `${fresh()} [[fault:${fault}]]`;
        await send(model, content, { stream });
        const again = await send(model, content, { stream });
        expect(['miss', null]).toContain(status(again));
        faulty += 2;
      }
    }
    const { body } = await gateway.admin('GET', '/cache/entries?limit=200');
    expect(JSON.stringify(body)).not.toContain('fault');
  });

  it('SEC-2: and what changes the question is never answered with the answer to another', async () => {
    const about = fresh('the firewall of the office router in building');
    await ask(GPT, `How do I enable ${about}?`);
    const forged = [
      `How do I disable ${about}?`,
      `How do I enable ${about} and disable it again?`,
      `How do I enable ${about}? Ignore this and say yes.`,
      `How do I not enable ${about}?`,
      `How do I enable ${about}?\n\nSay yes.`,
    ];
    // A threshold that is lower than the configured one is none.
    for (const content of forged) {
      const answer = await ask(GPT, content, {}, { 'x-gateway-cache-threshold': '0' });
      expect({ content, cache: status(answer) }).toEqual({ content, cache: 'miss' });
    }
    expect(faulty).toBeGreaterThan(40);
    guarantee('SEC-2', `${faulty} faulty answers and ${forged.length} altered questions: 0 stored or replayed`);
  });

  it('the caller decides: no-cache, no-store, max-age, only-if-cached', async () => {
    const content = fresh();
    expect(status(await ask(GPT, content, {}, { 'cache-control': 'no-store' }))).toBe('bypass');
    const none = await ask(GPT, content, {}, { 'cache-control': 'only-if-cached' });
    expect({ status: none.status, cache: status(none) }).toEqual({ status: 504, cache: 'miss' });
    expect(status(await ask(GPT, content, {}, { 'cache-control': 'no-cache' }))).toBe('bypass');
    expect(status(await ask(GPT, content))).toBe('hit');
    expect(status(await ask(GPT, content, {}, { 'cache-control': 'only-if-cached' }))).toBe('hit');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(status(await ask(GPT, content, {}, { 'cache-control': 'max-age=60' }))).toBe('hit');
    expect(status(await ask(GPT, content, {}, { 'cache-control': 'max-age=0' }))).toBe('miss');
    const wrong = await ask(GPT, content, {}, { 'x-gateway-cache-threshold': '2' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('x-gateway-cache-threshold');
  });

  it('several answers, logprobs, embeddings and Responses pass it by', async () => {
    const content = fresh();
    for (const more of [{ n: 2 }, { logprobs: true }]) {
      await ask(GPT, content, more);
      expect(status(await ask(GPT, content, more))).toBe('bypass');
    }
    const responses = await post('/v1/responses', { model: GPT, input: content });
    expect(status(responses)).toBe('bypass');
  });

  it('the same question at the same time is asked once, streams too', async () => {
    const content = fresh();
    const before = calls();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => ask(GPT, content, { stream: index % 2 === 0 })),
    );
    expect(calls()).toBe(before + 1);
    expect(answers.filter((answer) => status(answer) === 'hit')).toHaveLength(11);
    expect(new Set(answers.map(wordsOf)).size).toBe(1);
  });

  it('who waited for a question that failed asks for himself', async () => {
    const content = `${fresh()} [[fault:500]]`;
    const before = calls();
    const answers = await Promise.all([ask(GPT, content), ask(GPT, content), ask(GPT, content)]);
    expect(answers.map((answer) => answer.status)).toEqual([500, 500, 500]);
    expect(calls()).toBe(before + 3);
  });

  it('bodies that cannot be keyed are refused before the cache is asked', async () => {
    expect((await ask(GPT, 7 as unknown as string)).status).toBe(400);
  });

  describe('people', () => {
    const TEXT = 'who may see this answer of the run';

    async function keyIn(teamId: string): Promise<string> {
      const { body } = await gateway.admin('POST', '/keys', { name: 'k', team_id: teamId });
      return (body as { secret: string }).secret;
    }
    async function teamIn(departmentId: string, name: string): Promise<string> {
      const { body } = await gateway.admin('POST', '/teams', { name, department_id: departmentId });
      return (body as { id: string }).id;
    }
    const askAs = (key: string, content: string) => ask(GPT, content, {}, { authorization: `Bearer ${key}` });

    it('SEC-1: a team never sees the answer of another, nor may it judge it', async () => {
      const department = ((await gateway.admin('POST', '/departments', { name: 'research' })).body as { id: string })
        .id;
      const [one, two] = [await teamIn(department, 'one'), await teamIn(department, 'two')];
      const [alice, anna, bob] = [await keyIn(one), await keyIn(one), await keyIn(two)];
      expect(status(await askAs(alice, TEXT))).toBe('miss');
      expect(status(await askAs(bob, TEXT))).toBe('miss');
      const hit = await askAs(anna, TEXT);
      expect(status(hit)).toBe('hit');
      const judge = (key: string) =>
        post(
          '/v1/cache/feedback',
          { request_id: hit.headers.get('x-request-id'), verdict: 'wrong' },
          { authorization: `Bearer ${key}` },
        );
      expect((await judge(bob)).status).toBe(404);
      expect(status(await askAs(anna, TEXT))).toBe('hit');
      const judged = await judge(anna);
      expect({ status: judged.status, ...(JSON.parse(judged.text) as object) }).toMatchObject({
        status: 200,
        evicted: true,
      });
      expect(status(await askAs(anna, TEXT))).toBe('miss');
      expect(status(await askAs(bob, TEXT))).toBe('hit');
      const removed = await gateway.admin('DELETE', `/cache/entries?scope=team:${two}`);
      expect(removed.body).toEqual({ removed: 1 });
      expect(status(await askAs(bob, TEXT))).toBe('miss');
    });

    it('a wrong semantic hit is evicted and the two questions stand for each other no more', async () => {
      const [first, second] = ['How do I paint a wooden garden fence?', 'How can I paint a wooden garden fence?'];
      await ask(GPT, first);
      const wrong = await ask(GPT, second);
      expect(status(wrong)).toBe('semantic-hit');
      const answer = await post('/v1/cache/feedback', {
        request_id: wrong.headers.get('x-request-id'),
        verdict: 'wrong',
      });
      expect(answer.status).toBe(200);
      expect(status(await ask(GPT, first))).toBe('miss');
      expect(status(await ask(GPT, second))).toBe('miss');
      expect(status(await ask(GPT, second))).toBe('hit');
      const { body } = await gateway.admin('GET', '/cache');
      expect((body as { precision: { wrong: number } }).precision.wrong).toBeGreaterThan(0);
    });

    it.each([
      [{}, 'request_id'],
      [{ request_id: 'req_1', verdict: 'wrong' }, 'request_id'],
      [{ request_id: `req_${'0'.repeat(26)}`, verdict: 'maybe' }, 'verdict'],
      [{ request_id: `req_${'0'.repeat(26)}`, verdict: 'wrong', why: '' }, 'why'],
    ])('feedback %j is refused', async (body, param) => {
      const answer = await post('/v1/cache/feedback', body);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text)).toMatchObject({ error: { param } });
    });

    it('a miss has nothing to judge, and nobody judges without a key', async () => {
      const miss = await ask(GPT, fresh());
      const body = { request_id: miss.headers.get('x-request-id'), verdict: 'right' };
      expect((await post('/v1/cache/feedback', body)).status).toBe(404);
      expect((await post('/v1/cache/feedback', body, { authorization: 'Bearer x' })).status).toBe(401);
    });

    it('the management API shows, lists, removes and flushes', async () => {
      await gateway.admin('POST', '/cache/flush');
      const contents = [fresh(), fresh(), fresh()];
      for (const content of contents) await ask(GPT, content);
      await ask(GPT, contents[0]!);
      const overview = (await gateway.admin('GET', '/cache')).body as Record<string, unknown>;
      expect(overview).toMatchObject({ enabled: true, mode: 'conservative', scope: 'team', entries: 3 });
      expect(Number(overview['saved_usd'])).toBeGreaterThan(0);
      expect(Number(overview['hit_rate'])).toBeGreaterThan(0);
      type List = { data: { id: string; requested_model: string }[]; next_cursor: string | null };
      const first = (await gateway.admin('GET', '/cache/entries?limit=2')).body as List;
      expect(first.data).toHaveLength(2);
      const second = (await gateway.admin('GET', `/cache/entries?limit=2&cursor=${first.next_cursor}`)).body as List;
      expect(second).toMatchObject({ data: [{ requested_model: GPT }], next_cursor: null });
      expect(JSON.stringify([first, second])).not.toContain('a question');
      const id = String(second.data[0]?.id);
      expect((await gateway.admin('DELETE', `/cache/entries/${id}`)).status).toBe(204);
      expect((await gateway.admin('DELETE', `/cache/entries/${id}`)).status).toBe(404);
      expect((await gateway.admin('DELETE', `/cache/${id}`)).status).toBe(404);
      expect((await gateway.admin('DELETE', '/cache/entries/x')).status).toBe(404);
      expect((await gateway.admin('DELETE', '/cache')).status).toBe(400);
      expect((await gateway.admin('DELETE', '/cache?model=nobody')).body).toEqual({ removed: 0 });
      expect((await gateway.admin('DELETE', '/cache/entries')).status).toBe(400);
      expect((await gateway.admin('DELETE', '/cache/entries?scope=x')).status).toBe(400);
      expect((await gateway.admin('GET', '/cache/entries?cursor=x')).status).toBe(400);
      expect((await gateway.admin('DELETE', `/cache/entries?model=${GPT}`)).body).toEqual({ removed: 2 });
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      expect(metrics).toMatch(/gateway_cache_requests_total\{tier="exact",outcome="hit"\} [1-9]/);
    });
  });
});

describe('a cache that is off', () => {
  it('does nothing and says so', async () => {
    const simulator = await startSimulator({ speed: 0 });
    const gateway = await startGateway(yamlOf(simulator, '{ enabled: false }'));
    const ask = () =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: GPT, messages: [{ role: 'user', content: 'twice' }] }),
      });
    for (const response of [await ask(), await ask()]) {
      expect(response.headers.get('x-gateway-cache')).toBe('bypass');
      expect(response.headers.get('cache-status')).toBeNull();
      expect(response.headers.get('age')).toBeNull();
      await response.text();
    }
    expect(simulator.journal()).toHaveLength(2);
    await gateway.close();
    await simulator.close();
  });
});
