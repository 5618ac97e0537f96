import { LimitWindows, formatDuration } from './limits';
import { readScenario } from './scenario';
import { startSimulator, type Simulator } from './simulator';

describe('a scenario', () => {
  let now = 1_800_000_000_000;
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ now: () => now });
  });
  afterAll(() => simulator.close());
  beforeEach(() => simulator.reset());

  const call = async (path = '/openai/v1/chat/completions', model = 'gpt-4o', key = 'k') =>
    fetch(`${simulator.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: 'user', content: '[[tokens:30]] hi' }] }),
    });
  const statuses = async (count: number) => {
    const list: number[] = [];
    for (let index = 0; index < count; index += 1) list.push((await call()).status);
    return list;
  };
  const set = (body: unknown) => fetch(`${simulator.url}/__scenario`, { method: 'POST', body: JSON.stringify(body) });

  it('fails the first calls and then succeeds, after letting some pass', async () => {
    await set([{ fault: '503', count: 2, after: 1 }]);
    expect(await statuses(5)).toEqual([200, 503, 503, 200, 200]);
  });

  it('is about one virtual provider, model or path', async () => {
    await set({
      rules: [
        { match: { prefix: 'openai-b' }, fault: '500' },
        { match: { model: 'slow' }, fault: '529' },
        { match: { path: '/messages' }, fault: '429' },
      ],
    });
    expect((await call()).status).toBe(200);
    expect((await call('/openai-b/v1/chat/completions')).status).toBe(500);
    expect((await call('/v1/chat/completions', 'slow')).status).toBe(529);
    expect((await call('/anthropic/v1/messages', 'claude-x')).status).toBe(429);
  });

  it('is down from one moment to another', async () => {
    await set([{ fault: '503', fromMs: 1000, toMs: 2000 }]);
    const seen = [];
    for (const step of [0, 1000, 999, 1]) {
      now += step;
      seen.push((await call()).status);
    }
    expect(seen).toEqual([200, 503, 503, 200]);
  });

  it('fails a share of the calls, the same ones every time', async () => {
    await set([{ fault: '500', rate: 0.5 }]);
    const first = await statuses(40);
    await set([{ fault: '500', rate: 0.5 }]);
    expect(await statuses(40)).toEqual(first);
    const failed = first.filter((status) => status === 500).length;
    expect(failed).toBeGreaterThan(8);
    expect(failed).toBeLessThan(32);
  });

  it.each([
    [{ rules: [{ fault: 'nope' }] }, /no fault 'nope'/],
    [[{ fualt: '500' }], /rules\[0\]\.fualt is not a field/],
    [[{ fault: '500', rate: 'half' }], /rules\[0\]\.rate must be a number/],
    [{}, /send a list of rules/],
  ])('refuses %j', async (body, message) => {
    const answer = await set(body);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toMatch(message);
  });

  it('keeps real limits for each key, and the wait it names is enough', async () => {
    await set({ limits: { requestsPerMinute: 2 } });
    const first = await call();
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    now += 10_000;
    expect((await call()).headers.get('x-ratelimit-remaining-requests')).toBe('0');
    const refused = await call();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('50');
    expect(await refused.text()).toContain(
      'requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 50s',
    );
    expect((await call(undefined, undefined, 'other')).status).toBe(200);
    now += 49_000;
    expect((await call()).status).toBe(429);
    now += 1_000;
    expect((await call()).status).toBe(200);
  });

  it('counts tokens, answers included, in both header families', async () => {
    await set([{ limits: { tokensPerMinute: 100 } }]);
    const first = await call('/anthropic/v1/messages', 'claude-x');
    const input = simulator.journal().at(-1)?.inputTokens ?? 0;
    expect(first.headers.get('anthropic-ratelimit-tokens-remaining')).toBe(String(100 - input));
    expect(first.headers.get('anthropic-ratelimit-tokens-reset')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const second = await call('/anthropic/v1/messages', 'claude-x');
    expect(second.headers.get('anthropic-ratelimit-tokens-remaining')).toBe(String(100 - 30 - 2 * input));
    const third = await call('/anthropic/v1/messages', 'claude-x');
    expect(third.status).toBe(429);
    expect(await third.text()).toContain('input tokens per minute');
    await set([{ limits: { tokensPerMinute: 5 } }]);
    const never = await call();
    expect(await never.text()).toContain('Request too large');
    expect(never.headers.get('retry-after')).toBeNull();
  });

  it('shows journal, log and counts, and forgets them', async () => {
    await call();
    const journal = (await (await fetch(`${simulator.url}/__journal`)).json()) as object[];
    const lines = await (await fetch(`${simulator.url}/__journal?format=ndjson`)).text();
    const log = (await (await fetch(`${simulator.url}/__log`)).json()) as {
      headers: Record<string, string>;
      body: unknown;
    }[];
    const stats = (await (await fetch(`${simulator.url}/__stats`)).json()) as { prefixes: Record<string, object> };
    expect(journal).toHaveLength(1);
    expect(JSON.parse(lines)).toEqual(journal[0]);
    expect(log[0]?.body).toMatchObject({ model: 'gpt-4o' });
    expect(log[0]?.headers['authorization']).toBe('***');
    expect(stats.prefixes['openai']).toMatchObject({ requests: 1, statuses: { 200: 1 }, outputTokens: 30 });
    await fetch(`${simulator.url}/__reset`, { method: 'POST' });
    expect([simulator.journal(), simulator.log()]).toEqual([[], []]);
  });

  it('needs a key, and knows its routes', async () => {
    const bare = await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body: '{}' });
    expect(bare.status).toBe(401);
    expect((await fetch(`${simulator.url}/health`)).status).toBe(200);
    expect((await call('/openai/v1/nothing')).status).toBe(404);
    const headers = { authorization: 'Bearer k' };
    const broken = await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body: '{', headers });
    expect(broken.status).toBe(400);
    expect(await broken.text()).toContain('could not parse the JSON body');
  });
});

describe('limit windows', () => {
  it('never admit more than the limit within any minute', () => {
    let now = 0;
    const windows = new LimitWindows(() => now);
    const admitted: number[] = [];
    for (; now < 300_000; now += 700)
      if (windows.admit('k', { requestsPerMinute: 7 }, 1).refusal === null) admitted.push(now);
    for (const start of admitted) {
      const within = admitted.filter((at) => at >= start && at < start + 60_000);
      expect(within.length).toBeLessThanOrEqual(7);
    }
    expect(admitted.length).toBe(35);
  });

  it.each([
    [0, '0s'],
    [6, '6ms'],
    [12_500, '12.5s'],
    [72_000, '1m12s'],
  ])('write %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('read a scenario of limits alone', () => {
    expect(readScenario({ limits: { requestsPerMinute: 5 } })).toEqual([{ limits: { requestsPerMinute: 5 } }]);
  });
});
