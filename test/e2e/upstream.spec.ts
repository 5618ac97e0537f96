import { request as httpRequest, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import fc from 'fast-check';
import { TargetHealth } from '../../src/providers';
import { completionJson, messageJson } from '../support/answers';
import { FakeUpstream } from '../support/fake-upstream';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { TcpLink } from '../support/tcp-link';

jest.setTimeout(180_000);

const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';
const WORDS = 6;

const sse = (name: string | null, data: object | string): string =>
  `${name === null ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** A stream in which every piece of content is marked with who says it and which piece it is. */
function marked(dialect: 'openai' | 'anthropic', who: string): string[] {
  const words = Array.from({ length: WORDS }, (_, index) => `<${who}${index}>`);
  if (dialect === 'openai') {
    const chunk = (delta: object, finish: string | null = null): string =>
      sse(null, {
        id: 'c',
        object: 'chat.completion.chunk',
        created: 1,
        model: GPT,
        choices: [{ index: 0, delta, finish_reason: finish }],
      });
    return [
      chunk({ role: 'assistant', content: '' }),
      ...words.map((content) => chunk({ content })),
      chunk({}, 'stop'),
      sse(null, '[DONE]'),
    ];
  }
  const usage = { input_tokens: 3, output_tokens: 1 };
  const message = { id: 'm', type: 'message', role: 'assistant', model: CLAUDE, content: [], stop_reason: null, usage };
  return [
    sse('message_start', { type: 'message_start', message }),
    sse('ping', { type: 'ping' }),
    sse('content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ...words.map((text) =>
      sse('content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    ),
    sse('content_block_stop', { type: 'content_block_stop', index: 0 }),
    sse('message_delta', { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }),
    sse('message_stop', { type: 'message_stop' }),
  ];
}

const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  model: GPT,
  output: [
    {
      type: 'message',
      id: 'msg_1',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'Hi', annotations: [] }],
    },
  ],
  usage: { input_tokens: 3, output_tokens: 1, total_tokens: 4 },
};
const responseEvent = (type: string, rest: object): string => sse(type, { type, ...rest });
const RESPONSE_STREAM = [
  responseEvent('response.created', {
    sequence_number: 0,
    response: { ...RESPONSE, status: 'in_progress', output: [] },
  }),
  responseEvent('response.output_text.delta', {
    sequence_number: 1,
    item_id: 'msg_1',
    output_index: 0,
    content_index: 0,
    delta: 'Hi',
  }),
  responseEvent('response.completed', { sequence_number: 2, response: RESPONSE }),
].join('');
const EMBEDDINGS = JSON.stringify({
  object: 'list',
  model: GPT,
  data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
  usage: { prompt_tokens: 3, total_tokens: 3 },
});

/** A whole answer for every route of a provider. */
function wholeAnswer(path: string, isStream: boolean): string {
  if (path.endsWith('/count_tokens')) return '{"input_tokens":3}';
  if (path.endsWith('/embeddings')) return EMBEDDINGS;
  if (path.endsWith('/responses')) return isStream ? RESPONSE_STREAM : JSON.stringify(RESPONSE);
  if (path.endsWith('/messages')) return isStream ? marked('anthropic', 'A').join('') : messageJson(CLAUDE);
  return isStream ? marked('openai', 'A').join('') : completionJson(GPT);
}

describe('what a provider is sent and what becomes of its answer', () => {
  let first: FakeUpstream;
  let second: FakeUpstream;
  let silent: TcpServer;
  let link: TcpLink;
  let gateway: TestGateway;

  beforeAll(async () => {
    [first, second] = [await FakeUpstream.start(), await FakeUpstream.start()];
    silent = createTcpServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    link = await TcpLink.create(first.url);
    await link.restore();
    const timeouts = 'timeouts: { connect: 300ms, first_byte: 400ms, idle: 500ms, total: 1500ms }';
    const local = `api_key: k, allow_private_network: true`;
    const provider = (name: string, type: string, upstream: FakeUpstream, model: string) =>
      `${name}: { type: ${type}, base_url: "${upstream.url}", models: [${model}], ${local} }`;
    gateway = await startGateway(`
routing: { retries: 0, fallback: explicit, breaker: { failures: 1000 } }
pricing: { unknown: free }
providers:
  ${provider('gpt-a', 'openai', first, 'ga')}
  ${provider('gpt-b', 'openai', second, 'gb')}
  ${provider('claude-a', 'anthropic', first, 'ca')}
  ${provider('claude-b', 'anthropic', second, 'cb')}
  timed: { type: openai, base_url: "${first.url}", models: [timed], ${local}, ${timeouts} }
  linked: { type: openai, base_url: "http://127.0.0.1:${link.port}", models: [linked], ${local}, timeouts: { first_byte: 1s, idle: 1s } }
  unconnected: { type: openai, base_url: "https://127.0.0.1:${port}", models: [unconnected], ${local}, ${timeouts} }
models:
  gpt: { targets: [{ provider: gpt-a, model: ga }], fallbacks: [gb] }
  claude: { targets: [{ provider: claude-a, model: ca }], fallbacks: [cb] }
  gpt-to-claude: { targets: [{ provider: gpt-a, model: ga }], fallbacks: [cb] }
  claude-to-gpt: { targets: [{ provider: claude-a, model: ca }], fallbacks: [gb] }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await link.cut();
    await first.close();
    await second.close();
    silent.close();
  });
  const forget = (): void => {
    for (const name of ['gpt-a', 'gpt-b', 'claude-a', 'claude-b', 'timed', 'linked', 'unconnected'])
      gateway.app.get(TargetHealth).forget(name);
    first.received.length = 0;
    second.received.length = 0;
  };
  beforeEach(forget);

  const post: TestGateway['post'] = (...call) => gateway.post(...call);
  const ask = (model: string, stream: boolean) => ({
    model,
    max_tokens: 50,
    stream,
    messages: [{ role: 'user', content: 'Hello' }],
  });
  const dialectOf = (path: string) => (path.includes('/messages') ? 'anthropic' : 'openai');

  it('(89) UPS-2: wherever a stream is cut, nobody sees two providers or one piece twice', async () => {
    let transcripts = 0;
    let rescued = 0;
    let failed = 0;
    second.answer = ({ path }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(marked(dialectOf(path), 'B').join(''));
    };
    for (const route of ['/v1/chat/completions', '/v1/messages']) {
      for (const model of ['gpt', 'claude', 'gpt-to-claude', 'claude-to-gpt']) {
        const dialect = model.startsWith('gpt') ? 'openai' : 'anthropic';
        const events = marked(dialect, 'A');
        for (let cut = 0; cut <= events.length; cut += 1) {
          forget();
          first.answer = (_, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.write(events.slice(0, cut).join(''), () =>
              cut === events.length ? response.end() : response.destroy(),
            );
          };
          const { status, text } = await post(route, ask(model, true));
          const marks = text.match(/<[AB]\d>/g) ?? [];
          const speakers = new Set(marks.map((mark) => mark[1]));
          const where = `${route} ${model} cut after ${cut} of ${events.length}`;
          expect({ where, status, speakers: speakers.size, twice: marks.length - new Set(marks).size }).toEqual({
            where,
            status: 200,
            speakers: 1,
            twice: 0,
          });
          const isComplete = marks.length === WORDS && !text.includes('"error"');
          const saidNothing = !events.slice(0, cut).join('').includes('<A');
          // Before the first content another provider says all of it; after it the caller is told.
          expect({ where, speaker: [...speakers][0] }).toEqual({ where, speaker: saidNothing ? 'B' : 'A' });
          expect({
            where,
            isComplete: isComplete || sseData(text).some((data) => Object.hasOwn(Object(data), 'error')),
          }).toEqual({
            where,
            isComplete: true,
          });
          transcripts += 1;
          if (saidNothing) rescued += 1;
          else if (!isComplete) failed += 1;
        }
      }
    }
    expect(rescued).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
    guarantee('UPS-2', `${transcripts} cuts: ${rescued} taken over, ${failed} told as errors, 0 mixed, 0 repeated`);
  });

  it('(99) UPS-3: every phase of a call has its time-out, told to the caller and on record', async () => {
    const begin = (response: ServerResponse): void =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(marked('openai', 'A').slice(0, 3).join(''));
    const drip = (response: ServerResponse): void => {
      begin(response);
      const timer = setInterval(() => response.write(marked('openai', 'A')[2]), 100);
      response.once('close', () => clearInterval(timer));
    };
    const stages: [string, string, number, (response: ServerResponse) => void][] = [
      ['connect', 'unconnected', 300, () => undefined],
      ['first_byte', 'timed', 400, () => undefined],
      ['idle', 'timed', 500, begin],
      ['total', 'timed', 1500, drip],
    ];
    const late: string[] = [];
    for (const [phase, model, boundMs, answer] of stages) {
      forget();
      first.answer = (_, response) => answer(response);
      const startedMs = performance.now();
      const { status, text, headers } = await post('/v1/chat/completions', ask(model, true));
      const tookMs = performance.now() - startedMs;
      // Once the first byte has been passed on the status is sent: what ends then ends with an error in the stream.
      expect({ phase, status }).toEqual({ phase, status: phase === 'idle' || phase === 'total' ? 200 : 504 });
      expect(text).toContain('provider_timeout');
      const record = await gateway.recordOf(headers.get('x-request-id')!);
      expect(record['error_code']).toBe('provider_timeout');
      expect(record['attempts']).toEqual([expect.objectContaining({ error: `${phase}_timeout` })]);
      // Timers never fire early; how late they are depends on the machine.
      expect(tookMs).toBeGreaterThanOrEqual(boundMs - 2);
      late.push(`${phase} +${Math.round(tookMs - boundMs)} ms`);
    }
    guarantee(
      'UPS-3',
      `connect and first byte end in a 504, idle and total in an error inside the stream, all 4 with the reason on record; ${late.join(', ')}`,
    );
  });

  it('(99) UPS-3: a link that goes dead without a word is noticed in every phase, and left behind when it is back', async () => {
    const answer = (): void => {
      first.answer = ({ path }, response) =>
        void response.writeHead(200, { 'content-type': 'application/json' }).end(wholeAnswer(path, false));
    };
    const reasonOf = async (headers: Headers): Promise<unknown> => {
      const record = await gateway.recordOf(headers.get('x-request-id')!);
      return (record['attempts'] as { error: string | null }[]).map(({ error }) => error);
    };
    answer();
    expect((await post('/v1/chat/completions', ask('linked', false))).status).toBe(200);
    link.silence();
    // Over the connection that is open already, and over one that is accepted and leads nowhere.
    for (let call = 0; call < 2; call += 1) {
      const lost = await post('/v1/chat/completions', ask('linked', false));
      expect(lost.status).toBe(504);
      expect(await reasonOf(lost.headers)).toEqual(['first_byte_timeout']);
    }
    await link.restore();
    forget();
    let written = 0;
    first.answer = (_, response) => {
      const [begin = '', word = ''] = marked('openai', 'A');
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(begin + word);
      const timer = setInterval(() => response.write(word, () => (written += 1)), 50);
      response.once('close', () => clearInterval(timer));
    };
    const stream = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(ask('linked', true)),
    });
    const writtenBefore = written;
    link.silence();
    expect(await stream.text()).toContain('provider_timeout');
    expect(await reasonOf(stream.headers)).toEqual(['idle_timeout']);
    // The provider went on talking, and saw nothing wrong.
    expect(written).toBeGreaterThan(writtenBefore);
    await link.restore();
    forget();
    answer();
    expect((await post('/v1/chat/completions', ask('linked', false))).status).toBe(200);
    guarantee(
      'UPS-3',
      'a link that goes dead in silence: 2 calls end by first_byte, a stream by idle, the next is answered',
    );
  });

  describe('HTTP-2: headers', () => {
    /** What an adapter, the HTTP client and the SDKs send of their own. */
    const KNOWN =
      /^(host|connection|content-length|content-type|accept|user-agent|authorization|x-api-key|x-gateway-hops|traceparent|tracestate|anthropic-[a-z-]+|openai-[a-z-]+|x-stainless-[a-z-]+)$/;
    const answerAlike = (upstream: FakeUpstream): void => {
      upstream.answer = ({ path, body }, response) => {
        const isStream = (JSON.parse(body.toString()) as { stream?: boolean }).stream === true;
        response.writeHead(200, {
          'content-type': isStream ? 'text/event-stream' : 'application/json',
          'set-cookie': 'session=secret',
          'openai-organization': 'org-secret',
          'anthropic-organization-id': 'org-secret',
          'openai-processing-ms': '7',
          'x-request-id': 'upstream-request',
          server: 'upstream',
        });
        response.end(wholeAnswer(path, isStream));
      };
    };
    /** Every way from a route to a provider, whole and streamed. */
    const bodyOf = (route: string, model: string, stream: boolean): object => {
      if (route === '/v1/embeddings') return { model, input: 'Hello' };
      if (route === '/v1/responses') return { model, stream, input: 'Hello' };
      return route.endsWith('/count_tokens') ? { model, messages: ask(model, false).messages } : ask(model, stream);
    };
    const WAYS: readonly [route: string, model: string, stream: boolean][] = [
      ...['/v1/chat/completions', '/v1/messages', '/v1/responses'].flatMap((route) =>
        ['ga', 'ca'].flatMap((model) =>
          [false, true].map((stream) => [route, model, stream] as [string, string, boolean]),
        ),
      ),
      ['/v1/embeddings', 'ga', false],
      ['/v1/messages/count_tokens', 'ca', false],
    ];
    /** `fetch` lets nobody write a `connection` header. */
    const send = (route: string, body: object, headers: Record<string, string>) =>
      new Promise<{ status: number | undefined; headers: IncomingHttpHeaders }>((resolve, reject) => {
        const request = httpRequest(
          `${gateway.url}${route}`,
          {
            method: 'POST',
            headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
          },
          (response) => {
            response.once('end', () => resolve({ status: response.statusCode, headers: response.headers }));
            response.once('error', reject).resume();
          },
        );
        request.once('error', reject).end(JSON.stringify(body));
      });
    /** Headers that would go on, if `connection` did not name them. */
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const NAMED = { 'anthropic-beta': 'canary', 'anthropic-canary': 'canary', traceparent, tracestate: 'canary=1' };
    const NAMES = [
      'cookie',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-real-ip',
      'forwarded',
      'via',
      'te',
      'proxy-authorization',
      'origin',
      'referer',
      'x-api-version',
      'x-portkey-custom-host',
      'x-base-url',
      'openai-organization',
      'openai-project',
      'openai-beta',
      'x-stainless-lang',
      'x-gateway-metadata',
      'if-none-match',
      'range',
      'accept-language',
      'accept-encoding',
      'idempotency-key',
      'x-amz-security-token',
      'x-goog-api-key',
      'api-key',
      'x-http-method-override',
    ];
    const header = fc.oneof(
      fc.constantFrom(...NAMES),
      fc
        .stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
        .filter(
          (name) =>
            !/^(host|content-|transfer-|connection|expect|upgrade|keep-alive|trailer|authorization|x-gateway|cache-control|anthropic-|traceparent|tracestate)/.test(
              name,
            ),
        ),
    );

    it('only listed ones go out, whatever the caller sends, and none of the provider’s own come back', async () => {
      answerAlike(first);
      let sent = 0;
      let arrived = 0;
      const seed = Date.now() % 1_000_000_000;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(header, { minLength: 1, maxLength: 12 }),
          fc.boolean(),
          async (names, isForNextHop) => {
            const nextHop = { ...NAMED, connection: ['keep-alive', ...Object.keys(NAMED), ...names].join(', ') };
            for (const [route, model, stream] of WAYS) {
              forget();
              const own = Object.fromEntries(
                names.map((name) => [name, name === 'x-gateway-metadata' ? '{"k":"canary"}' : `canary ${sent}`]),
              );
              const asked = { ...own, ...(isForNextHop ? nextHop : {}), 'x-api-key': gateway.apiKey };
              const answer = await send(route, bodyOf(route, model, stream), asked);
              expect({ route, names, status: answer.status }).toEqual({ route, names, status: 200 });
              const { headers } = first.last;
              sent += Object.keys(asked).length;
              arrived += 1;
              for (const [name, value] of Object.entries(headers)) {
                expect(name).toMatch(KNOWN);
                expect({ name, isCanary: String(value).includes('canary') }).toEqual({ name, isCanary: false });
              }
              expect(headers).not.toHaveProperty('traceparent');
              expect(JSON.stringify(headers)).not.toContain(gateway.apiKey);
              for (const name of ['set-cookie', 'openai-organization', 'anthropic-organization-id', 'server'])
                expect(answer.headers).not.toHaveProperty(name);
              expect(answer.headers['x-request-id']).toMatch(/^req_/);
            }
          },
        ),
        { numRuns: 25, seed },
      );
      guarantee(
        'HTTP-2',
        `${arrived} calls over ${WAYS.length} ways, streams among them, with ${sent} headers of the caller: only listed ones went out, none that connection names`,
        seed,
      );
    });

    it('what connection names reaches nobody, and goes on without it', async () => {
      answerAlike(first);
      for (const [route, model, stream] of WAYS) {
        forget();
        await send(route, bodyOf(route, model, stream), NAMED);
        expect(first.last.headers).toMatchObject({ traceparent, tracestate: 'canary=1' });
        forget();
        await send(route, bodyOf(route, model, stream), { ...NAMED, connection: 'TraceParent , tracestate' });
        expect(first.last.headers).not.toHaveProperty('traceparent');
        expect(first.last.headers).not.toHaveProperty('tracestate');
      }
    });

    it('(59, 114) a trace goes on, and what Anthropic’s clients say to Anthropic', async () => {
      answerAlike(first);
      for (const [route, model] of [
        ['/v1/chat/completions', 'ga'],
        ['/v1/chat/completions', 'ca'],
        ['/v1/messages', 'ca'],
        ['/v1/messages', 'ga'],
      ] as const) {
        const { headers } = await post(route, ask(model, false), {
          traceparent,
          tracestate: 'vendor=1',
          'anthropic-beta': 'some-beta',
        });
        expect(first.last.headers).toMatchObject({ traceparent, tracestate: 'vendor=1' });
        expect(first.last.headers['anthropic-beta']).toBe(model === 'ca' ? 'some-beta' : undefined);
        const record = await gateway.recordOf(headers.get('x-request-id')!);
        expect(JSON.stringify(record['decisions'])).toContain('4bf92f3577b34da6a3ce929d0e0e4736');
      }
    });

    it('(59) a beta that the client names is joined to the one that the translation needs', async () => {
      answerAlike(first);
      const file = { type: 'file', file: { file_id: 'file_011CNha8iCJcU1wXNR6q4V8w' } };
      const content = [{ type: 'text', text: 'read this' }, file];
      const body = { ...ask('ca', false), messages: [{ role: 'user', content }] };
      expect((await post('/v1/chat/completions', body, { 'anthropic-beta': 'some-beta' })).status).toBe(200);
      expect(first.last.headers['anthropic-beta']).toBe('files-api-2025-04-14,some-beta');
    });
  });
});
