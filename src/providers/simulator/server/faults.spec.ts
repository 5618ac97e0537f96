import http from 'node:http';
import { SseParser } from '../../../core/sse-parser';
import { NO_FAULT, readFaults } from './faults';
import { startSimulator, type Simulator } from './simulator';

interface Received {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly chunks: readonly Buffer[];
  /** How the connection ended: properly, or with this error. */
  readonly failure: string | null;
}

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());
beforeEach(() => simulator.reset());

/** Sends one request on a connection of its own and keeps what comes, however it ends. */
function send(path: string, body: unknown, quitAfter?: number): Promise<Received> {
  return new Promise((resolve) => {
    const options = { method: 'POST', agent: false, headers: { authorization: 'Bearer sk-test' } };
    const chunks: Buffer[] = [];
    const request = http.request(`${simulator.url}${path}`, options, (response) => {
      const end = (failure: string | null) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
          chunks,
          failure,
        });
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (quitAfter !== undefined && chunks.length >= quitAfter) request.destroy();
      });
      response.on('end', () => end(null));
      response.on('error', (error) => end(error.message));
    });
    request.on('error', (error) =>
      resolve({
        status: 0,
        headers: {},
        body: '',
        chunks,
        failure: (error as NodeJS.ErrnoException).code ?? error.message,
      }),
    );
    request.end(JSON.stringify(body));
  });
}

const chat = (marker: string, stream = true) =>
  send('/openai/v1/chat/completions', {
    model: 'gpt-4o',
    stream,
    stream_options: stream ? { include_usage: true } : undefined,
    messages: [{ role: 'user', content: `Hi [[tokens:40]] ${marker}` }],
  });
const message = (marker: string, stream = true) =>
  send('/anthropic/v1/messages', {
    model: 'claude-sonnet-4-6',
    max_tokens: 300,
    stream,
    messages: [{ role: 'user', content: `Hi [[tokens:40]] ${marker}` }],
  });

const eventsOf = (body: string) => new SseParser().push(Buffer.from(body));
const namesOf = (body: string) => eventsOf(body).map((event) => event.name);
const textOf = (body: string) =>
  eventsOf(body)
    .filter((event) => event.data !== null && event.data.startsWith('{') && event.data.endsWith('}'))
    .map(
      (event) =>
        JSON.parse(event.data ?? '') as { choices?: { delta?: { content?: string } }[]; delta?: { text?: string } },
    )
    .map((data) => data.choices?.[0]?.delta?.content ?? data.delta?.text ?? '')
    .join('');
const entry = () => simulator.journal().at(-1);

/** The entry of a call that was left: the server learns of it a moment later. */
async function closedEntry() {
  for (let tries = 0; tries < 500 && entry()?.closedBy === null; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return entry();
}

describe('a fault text', () => {
  it('names faults with parameters, several at once', () => {
    const plan = readFaults('429,retry-after=7;split=3;crlf;bill=3x;delay=12');
    expect(plan).toMatchObject({ reply: '429', splitBytes: 3, crlf: true, billFactor: 3, delayMs: 12, stream: null });
    expect(plan.parameters.get('retry-after')).toBe('7');
    expect(readFaults('hang-after=4').stream).toEqual({ kind: 'hang-after', after: 4 });
    expect(readFaults('')).toBe(NO_FAULT);
  });

  it.each(['nope', 'constructor', '418', 'hang-before'])(
    'refuses %s, because a fault that does nothing proves nothing',
    (text) => {
      expect(() => readFaults(text)).toThrow(`no fault '${text}'`);
    },
  );

  it('is refused in a prompt with a 400 that lists the known ones', async () => {
    const answer = await chat('[[fault:nope]]');
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('cut-after=N');
  });
});

describe('faults before the answer', () => {
  it.each([
    ['429,retry-after=7', 429, 'rate_limit_exceeded', { 'retry-after': '7' }],
    ['429,retry-after-ms=1500', 429, 'rate_limit_exceeded', { 'retry-after-ms': '1500' }],
    ['429', 429, 'rate_limit_exceeded', { 'retry-after': undefined, 'retry-after-ms': undefined }],
    ['quota', 429, 'insufficient_quota', {}],
    ['too-large', 429, 'Request too large', {}],
    ['context', 400, 'context_length_exceeded', {}],
    ['401', 401, 'invalid_api_key', {}],
    ['403', 403, 'does not have access', {}],
    ['404', 404, 'model_not_found', {}],
    ['500', 500, 'server_error', {}],
    ['503', 503, 'overloaded', {}],
    ['529', 529, 'Overloaded', {}],
    ['html502', 502, '502 Bad Gateway', { 'content-type': 'text/html' }],
    ['html200', 200, '<html>', { 'content-type': 'text/html' }],
    ['redirect', 307, '', { location: 'http://127.0.0.1:9/v1/redirected' }],
  ])('%s in the OpenAI dialect', async (fault, status, words, headers) => {
    const answer = await chat(`[[fault:${fault}]]`);
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(words);
    for (const [name, value] of Object.entries(headers)) expect(answer.headers[name]).toBe(value);
    expect(entry()).toMatchObject({ status, fault, inputTokens: 0, outputTokens: 0 });
  });

  it.each([
    ['429,retry-after=7', 429, 'rate_limit_error', 'true'],
    ['quota', 400, 'credit balance is too low', 'false'],
    ['context', 400, 'prompt is too long', 'false'],
    ['401', 401, 'authentication_error', 'false'],
    ['404', 404, 'not_found_error', 'false'],
    ['500', 500, 'api_error', 'true'],
    ['529', 529, 'overloaded_error', 'true'],
  ])('%s in the Anthropic dialect', async (fault, status, words, shouldRetry) => {
    const answer = await message(`[[fault:${fault}]]`);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-should-retry']).toBe(shouldRetry);
    const body = JSON.parse(answer.body) as { type: string; request_id: string };
    expect(body).toMatchObject({ type: 'error', request_id: expect.stringMatching(/^req_011C/) });
    expect(answer.body).toContain(words);
  });

  it('resets the connection', async () => {
    expect((await chat('[[fault:reset]]')).failure).toBe('ECONNRESET');
    expect(await closedEntry()).toMatchObject({ status: 0, closedBy: 'server', finished: false, outputTokens: 0 });
  });

  it('sends an empty body, half a JSON text, or one of another shape', async () => {
    expect(await chat('[[fault:empty200]]', false)).toMatchObject({ status: 200, body: '', failure: null });
    const half = await chat('[[fault:truncated-json]]', false);
    expect(half).toMatchObject({ status: 200, failure: null });
    expect(() => JSON.parse(half.body) as unknown).toThrow(SyntaxError);
    expect(JSON.parse((await chat('[[fault:wrong-shape]]', false)).body)).toMatchObject({ choices: 'none' });
    expect((await chat('[[fault:wrong-type]]', false)).headers['content-type']).toBe('text/plain');
  });

  it('waits before the headers, or after them', async () => {
    const hang = chat('[[fault:hang]]');
    const late = chat('[[fault:hang-after-headers]]');
    const slow = await chat('[[fault:delay=30]]');
    expect(slow.status).toBe(200);
    expect(entry()).toBeDefined();
    await simulator.close();
    expect((await hang).status).toBe(0);
    expect(await late).toMatchObject({ status: 200, body: '', failure: 'aborted' });
    simulator = await startSimulator();
  });
});

describe('faults in a stream', () => {
  it.each([
    ['OpenAI', chat],
    ['Anthropic', message],
  ])('cuts, ends early, breaks an event, or reports an error: %s', async (_name, call) => {
    const whole = await call('');
    const wholeText = textOf(whole.body);
    const cut = await call('[[fault:cut-after=3]]');
    expect(cut.failure).toBe('aborted');
    expect(await closedEntry()).toMatchObject({ status: 200, finished: false, closedBy: 'server' });
    expect(entry()?.outputTokens).toBeGreaterThan(0);
    expect(entry()?.outputTokens).toBeLessThan(40);
    const ended = await call('[[fault:fin-after=3]]');
    expect(ended.failure).toBeNull();
    expect(entry()).toMatchObject({ finished: false, closedBy: 'server' });
    const half = await call('[[fault:half-event-after=3]]');
    expect(half.failure).toBeNull();
    expect(half.body.startsWith(ended.body.slice(0, 20))).toBe(true);
    expect(half.body.endsWith('\n\n')).toBe(false);
    const failed = await call('[[fault:error-after=3]]');
    expect(eventsOf(failed.body).at(-1)?.data).toContain('"error"');
    for (const answer of [cut, ended, failed]) {
      const text = textOf(answer.body);
      expect(text.length).toBeGreaterThan(0);
      expect(wholeText.length).toBeGreaterThan(text.length);
    }
    expect(eventsOf(ended.body).filter((event) => event.data?.includes('"index":0') ?? false).length).toBeGreaterThan(
      3,
    );
  });

  it('sends the error first, in a 200', async () => {
    const answer = await message('[[fault:error-first]]');
    expect(answer.status).toBe(200);
    expect(namesOf(answer.body)).toEqual(['error']);
    expect(JSON.parse(eventsOf(answer.body)[0]?.data ?? '')).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error', details: null },
    });
    expect(entry()).toMatchObject({ outputTokens: 0, finished: false });
    expect(JSON.parse(eventsOf((await chat('[[fault:error-first]]')).body)[0]?.data ?? '')).toMatchObject({
      error: { type: 'server_error' },
    });
  });

  it('slips in a line that is not JSON and goes on', async () => {
    const answer = await chat('[[fault:malformed-after=2]]');
    const broken = eventsOf(answer.body).filter((event) => event.data !== '[DONE]' && !event.data?.endsWith('}'));
    expect(broken).toHaveLength(1);
    expect(eventsOf(answer.body).at(-1)?.data).toBe('[DONE]');
  });

  it('changes only the framing with split and crlf', async () => {
    const plain = await message('');
    const sliced = await message('[[fault:split=3;crlf]]');
    expect(sliced.body).toContain('\r\n\r\n');
    expect(sliced.body.replaceAll('\r\n', '')).not.toContain('\n');
    expect(textOf(sliced.body)).toBe(textOf(plain.body));
    expect(namesOf(sliced.body)).toEqual(namesOf(plain.body));
    expect(Math.max(...sliced.chunks.map((chunk) => chunk.length))).toBeLessThan(sliced.body.length / 4);
  });

  it('starts twice', async () => {
    const answer = await message('[[fault:duplicate-start]]');
    expect(namesOf(answer.body).slice(0, 3)).toEqual(['message_start', 'message_start', 'content_block_start']);
  });

  it('hides the usage, or lies about it; the journal does not', async () => {
    const honest = await message('', false);
    const usage = (JSON.parse(honest.body) as { usage: { input_tokens: number } }).usage;
    const hidden = await message('[[fault:no-usage]]', false);
    expect(JSON.parse(hidden.body)).not.toHaveProperty('usage');
    expect((await chat('[[fault:no-usage]]')).body).not.toContain('prompt_tokens');
    const lie = await message('[[fault:bill=3x]]', false);
    expect(JSON.parse(lie.body)).toMatchObject({ usage: { output_tokens: 120 } });
    expect(entry()).toMatchObject({ outputTokens: 40, billFactor: 3 });
    expect(usage.input_tokens).toBeLessThan(entry()?.inputTokens ?? 0);
  });

  it('corrects the input at the end, and old models never repeat it', async () => {
    const usageOf = (body: string) =>
      eventsOf(body).flatMap((event) => {
        const data = JSON.parse(event.data ?? '{}') as { usage?: object; message?: { usage?: object } };
        return data.usage ?? data.message?.usage ?? [];
      });
    const late = usageOf((await message('[[fault:late-input]]')).body);
    const truth = entry()?.inputTokens ?? 0;
    expect(late).toMatchObject([{ input_tokens: Math.floor(truth / 2) }, { input_tokens: truth, output_tokens: 40 }]);
    const old = {
      model: 'claude-3-opus-20240229',
      max_tokens: 9,
      stream: true,
      messages: [{ role: 'user', content: 'Hi' }],
    };
    expect(usageOf((await send('/v1/messages', old)).body)[1]).toEqual({ output_tokens: entry()?.outputTokens });
  });

  it('asks for patience on a success', async () => {
    const answer = await message('[[fault:retry-after=20]]', false);
    expect(answer).toMatchObject({ status: 200, headers: { 'retry-after': '20' } });
  });

  it('bills what was generated when the client leaves a slow stream', async () => {
    const answer = await send(
      '/v1/chat/completions',
      { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: '[[tokens:200]] [[fault:slow=10]]' }] },
      5,
    );
    expect(answer.body.length).toBeGreaterThan(0);
    const left = await closedEntry();
    expect(left).toMatchObject({ finished: false, closedBy: 'client', status: 200 });
    expect(left?.outputTokens).toBeGreaterThan(0);
    expect(left?.outputTokens).toBeLessThan(200);
  });

  it('numbers a Responses error after the events before it', async () => {
    const input = '[[tokens:40]] [[fault:error-after=2]]';
    const answer = await send('/v1/responses', { model: 'gpt-4o', stream: true, input });
    const numbers = eventsOf(answer.body).map(
      (event) => (JSON.parse(event.data ?? '') as { sequence_number: number }).sequence_number,
    );
    expect(numbers).toEqual(numbers.map((_number, index) => index));
    expect(namesOf(answer.body).at(-1)).toBe('error');
  });
});
