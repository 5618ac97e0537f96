import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';

/** A stream as its client sees it. */
interface Stream {
  readonly cache: string | null;
  readonly requestId: string;
  readonly status: string | null;
  readonly firstByteMs: number;
  readonly endMs: number;
  readonly text: string;
}

describe('streams of the same question at the same time', () => {
  let simulator: Simulator;
  let gateway: TestGateway;
  let question = 0;

  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0 });
    gateway = await startGateway(`
routing: { retries: 0, fallback: none }
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${GPT}] }
  anthropic: { api_key: k2, base_url: "${simulator.url}/anthropic", allow_private_network: true, models: [${CLAUDE}] }
cache: { enabled: true }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });
  beforeEach(() => simulator.reset());

  /** Some two seconds long. */
  const slow = (more = '[[fault:slow=25]]'): string => `What is told slowly, ${(question += 1)}? [[tokens:80]] ${more}`;

  interface Options {
    readonly route?: string;
    readonly body?: object;
    readonly headers?: Record<string, string>;
    readonly signal?: AbortSignal;
    /** Told of each piece. */
    readonly onPiece?: (text: string) => void;
  }
  async function stream(model: string, content: string, options: Options = {}): Promise<Stream> {
    const { route = '/v1/chat/completions', body, headers, signal, onPiece } = options;
    const startedMs = performance.now();
    const response = await fetch(`${gateway.url}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content }], ...body }),
      ...(signal ? { signal } : {}),
    });
    let [text, firstByteMs] = ['', Infinity];
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      firstByteMs = Math.min(firstByteMs, performance.now() - startedMs);
      text += piece;
      onPiece?.(text);
    }
    return {
      cache: response.headers.get('x-gateway-cache'),
      status: response.headers.get('cache-status'),
      requestId: String(response.headers.get('x-request-id')),
      firstByteMs,
      endMs: performance.now() - startedMs,
      text,
    };
  }
  /** The first client, and a promise of when he has got something. */
  function lead(
    model: string,
    content: string,
    options: Options = {},
  ): { begun: Promise<void>; done: Promise<Stream> } {
    let isBegun = (): void => {};
    const begun = new Promise<void>((resolve) => (isBegun = resolve));
    const done = stream(model, content, { ...options, onPiece: isBegun });
    // Whoever leaves is heard of later.
    done.catch(() => {});
    return { begun, done };
  }
  const wordsOf = ({ text }: Stream): string =>
    sseData(text)
      .map((data) => {
        const { choices, delta } = data as { choices?: { delta?: { content?: string } }[]; delta?: { text?: string } };
        return choices?.[0]?.delta?.content ?? delta?.text ?? '';
      })
      .join('');

  it.each([
    [GPT, '/v1/chat/completions'],
    [GPT, '/v1/messages'],
    [CLAUDE, '/v1/chat/completions'],
    [CLAUDE, '/v1/messages'],
  ])('%s on %s: who comes later has it from its beginning and as it comes, by one call', async (model, route) => {
    const content = slow();
    const body = route === '/v1/messages' ? { max_tokens: 500 } : {};
    const { begun, done } = lead(model, content, { route, body });
    await begun;
    const [second, third] = await Promise.all([
      stream(model, content, { route, body: { ...body, stream_options: { include_usage: true } } }),
      stream(model, content, { route, body }),
    ]);
    const first = await done;
    expect([first.cache, second.cache, third.cache]).toEqual(['miss', 'hit', 'hit']);
    expect(second.status).toContain('detail=coalesced');
    expect(wordsOf(first)).not.toBe('');
    expect([wordsOf(second), wordsOf(third)]).toEqual([wordsOf(first), wordsOf(first)]);
    for (const { firstByteMs, endMs } of [second, third]) expect(firstByteMs).toBeLessThan(endMs / 2);
    expect(simulator.journal()).toHaveLength(1);
    if (route === '/v1/messages') expect(second.text).toContain('event: message_stop');
    else {
      expect(second.text).toContain('data: [DONE]');
      expect(second.text).toMatch(/"usage":\{[^}]*"total_tokens"/);
      expect(third.text).not.toMatch(/"usage":\{/);
    }
    const [record, cost] = await Promise.all([second, first].map(({ requestId }) => gateway.recordOf(requestId)));
    expect(record).toMatchObject({ status: 200, cache_status: 'hit', cost_usd: '0', saved_usd: cost?.['cost_usd'] });
    expect(Number(cost?.['cost_usd'])).toBeGreaterThan(0);
    // And it is stored as ever.
    expect((await stream(model, content, { route, body })).cache).toBe('hit');
    expect(simulator.journal()).toHaveLength(1);
  });

  it('the first client may leave: the others get all of it, and he pays', async () => {
    const content = slow();
    const leaving = new AbortController();
    const { begun, done } = lead(GPT, content, { signal: leaving.signal });
    await begun;
    const following = lead(GPT, content);
    await following.begun;
    leaving.abort();
    await expect(done).rejects.toThrow('aborted');
    const second = await following.done;
    expect(second.text).toContain('data: [DONE]');
    await until(() => simulator.journal().length === 1);
    expect(simulator.journal()).toMatchObject([{ status: 200, outputTokens: 80 }]);
    const record = await gateway.recordOf(second.requestId);
    expect(record).toMatchObject({ cost_usd: '0', cache_status: 'hit' });
    expect(Number(record['saved_usd'])).toBeGreaterThan(0);
    expect((await stream(GPT, content)).cache).toBe('hit');
  });

  it('when all have left, nobody pays for the rest', async () => {
    const content = slow();
    const [leaving, following] = [new AbortController(), new AbortController()];
    const first = lead(GPT, content, { signal: leaving.signal });
    await first.begun;
    const second = lead(GPT, content, { signal: following.signal });
    await second.begun;
    leaving.abort();
    await new Promise((resolve) => setTimeout(resolve, 100));
    following.abort();
    await Promise.allSettled([first.done, second.done]);
    await until(() => simulator.journal()[0]?.closedBy === 'client');
    expect(simulator.journal()).toHaveLength(1);
    expect(simulator.journal()[0]?.outputTokens).toBeLessThan(40);
  });

  it('a provider that fails in the middle fails for all, with an error each can read, and nothing is stored', async () => {
    const content = slow('[[fault:error-after=40]] [[fault:slow=25]]');
    const { begun, done } = lead(GPT, content);
    await begun;
    const [first, second] = await Promise.all([done, stream(GPT, content)]);
    expect([first.cache, second.cache]).toEqual(['miss', 'hit']);
    for (const { text } of [first, second]) {
      expect(text).toContain('"error"');
      expect(text).not.toContain('[DONE]');
    }
    expect(wordsOf(second)).toBe(wordsOf(first));
    expect(simulator.journal()).toHaveLength(1);
    const record = await gateway.recordOf(second.requestId);
    expect(record).toMatchObject({ cost_usd: '0', error_code: 'provider_error' });
    expect(Number(record['saved_usd'])).toBe(0);
    expect((await stream(GPT, content)).cache).toBe('miss');
  });

  it('nobody follows somebody who has set a bound on his time, or sets one himself', async () => {
    const content = slow();
    const bound = { 'x-gateway-timeout-ms': '20000' };
    const { begun, done } = lead(GPT, content, { headers: bound });
    await begun;
    const second = await stream(GPT, content);
    // Given when it is complete.
    expect(second.cache).toBe('hit');
    expect(second.firstByteMs).toBeGreaterThan(second.endMs / 2);
    await done;
    expect(simulator.journal()).toHaveLength(1);
  });
});
