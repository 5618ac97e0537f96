import fs from 'node:fs';
import path from 'node:path';
import { SseParser } from '../../../core/sse-parser';
import { startSimulator, type Simulator } from './simulator';

const ROOT = path.resolve(__dirname, '../../../..');
const RECORDINGS = path.join(ROOT, '../shared/fixtures/dev');

interface Recording {
  readonly provider: string;
  readonly endpoint: string;
  readonly provenance: string;
  readonly response: {
    readonly status: number;
    readonly headers: object;
    readonly body: unknown;
    readonly sse: string | null;
  };
}

const hasRecordings = fs.existsSync(RECORDINGS);
if (!hasRecordings) process.stdout.write(`skipped: no recordings at ${RECORDINGS}\n`);
const recordings = hasRecordings
  ? fs
      .readdirSync(RECORDINGS)
      .map((file) => JSON.parse(fs.readFileSync(path.join(RECORDINGS, file), 'utf8')) as Recording)
      .filter((recording) => ['openai', 'anthropic'].includes(recording.provider))
  : [];

/** Names of the fields, with their kind: `choices[].delta.content:string`. Values of free maps are not looked into. */
function shapeOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => shapeOf(item, `${at}[]`));
  if (typeof value !== 'object' || value === null) return [`${at}:${value === null ? 'null' : typeof value}`];
  if (/(?:\.input|metadata|schema|parameters)$/.test(at)) return [];
  return Object.entries(value).flatMap(([name, field]) => shapeOf(field, `${at}.${name}`));
}

const payloads = (sse: string): unknown[] =>
  new SseParser()
    .push(Buffer.from(sse))
    .filter((event) => event.data !== null && event.data !== '[DONE]')
    .map((event) => JSON.parse(event.data ?? '') as unknown);

const keyed = (payload: unknown): string => String((payload as { type?: string }).type ?? '');

function recordedShapes(endpoint: string, streamed: boolean, failed: boolean): Set<string> {
  const shapes = new Set<string>();
  for (const { endpoint: at, response } of recordings) {
    if (at !== endpoint || response.status >= 400 !== failed) continue;
    const values = streamed ? payloads(response.sse ?? '') : [response.body];
    for (const value of values) for (const shape of shapeOf(value)) shapes.add(streamed ? keyed(value) + shape : shape);
  }
  return shapes;
}

const HELLO = [{ role: 'user', content: 'Hello' }];
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const CHAT_TOOLS = ['a', 'b'].map((name) => ({ type: 'function', function: { name, parameters: SCHEMA } }));
const CHAT = { model: 'gpt-4o', messages: HELLO, stream_options: { include_usage: true } };
const MESSAGE = { model: 'claude-haiku-4-5', max_tokens: 3000, messages: HELLO };
const MESSAGE_TOOLS = [{ name: 'a', input_schema: SCHEMA }];

const CASES: readonly [endpoint: string, name: string, body: object][] = [
  ['/v1/chat/completions', 'text', CHAT],
  ['/v1/chat/completions', 'a tool', { ...CHAT, tools: CHAT_TOOLS.slice(1) }],
  ['/v1/chat/completions', 'tools', { ...CHAT, tools: CHAT_TOOLS }],
  ['/v1/chat/completions', 'reasoning', { ...CHAT, model: 'gpt-5', reasoning_effort: 'low' }],
  ['/v1/chat/completions', 'a limit', { ...CHAT, max_tokens: 2 }],
  ['/v1/completions', 'text', { model: 'davinci-002', prompt: 'Once', stream_options: { include_usage: true } }],
  ['/v1/responses', 'text', { model: 'gpt-4o', input: 'Hello' }],
  [
    '/v1/responses',
    'a tool',
    {
      model: 'gpt-4o',
      input: 'Hello',
      tools: [{ type: 'function', name: 'a', parameters: SCHEMA, strict: true, description: 'A' }],
    },
  ],
  ['/v1/responses', 'reasoning', { model: 'gpt-5', input: 'Hello', reasoning: { effort: 'low' } }],
  ['/v1/messages', 'text', MESSAGE],
  ['/v1/messages', 'tools', { ...MESSAGE, tools: MESSAGE_TOOLS }],
  ['/v1/messages', 'thinking', { ...MESSAGE, thinking: { type: 'enabled', budget_tokens: 1024 } }],
  ['/v1/messages', 'a limit', { ...MESSAGE, max_tokens: 2 }],
  [
    '/v1/messages',
    'a stop sequence',
    { ...MESSAGE, messages: [{ role: 'user', content: '[[say:one two]]' }], stop_sequences: [' two'] },
  ],
];

(hasRecordings ? describe : describe.skip)('every field the simulator sends has been recorded', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(() => simulator.close());

  const post = async (endpoint: string, body: object) =>
    fetch(`${simulator.url}${endpoint}`, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'x-api-key': 'k' },
      body: JSON.stringify(body),
    });

  it.each(CASES)('%s: %s', async (endpoint, _name, body) => {
    const whole: unknown = await (await post(endpoint, body)).json();
    const known = recordedShapes(endpoint, false, false);
    expect(known.size).toBeGreaterThan(10);
    expect(shapeOf(whole).filter((shape) => !known.has(shape))).toEqual([]);
  });

  it.each(CASES)('%s streamed: %s', async (endpoint, _name, body) => {
    const sent = payloads(await (await post(endpoint, { ...body, stream: true })).text());
    const known = recordedShapes(endpoint, true, false);
    expect(known.size).toBeGreaterThan(8);
    const shapes = sent.flatMap((payload) => shapeOf(payload).map((shape) => keyed(payload) + shape));
    expect([...new Set(shapes)].filter((shape) => !known.has(shape))).toEqual([]);
  });

  it('pads like Anthropic, and pings third', async () => {
    const text = await (await post('/v1/messages', { ...MESSAGE, stream: true })).text();
    const lines = text.split('\n').filter((line) => line.startsWith('data:') && !line.includes('ping'));
    expect(lines.filter((line) => / +\}$/.test(line)).length).toBeGreaterThan(lines.length / 2);
    expect(text.split('\n\n')[2]).toBe('event: ping\ndata: {"type": "ping"}');
  });

  it.each([
    ['openai', '/v1/chat/completions', CHAT],
    ['anthropic', '/v1/messages', MESSAGE],
  ])('answers with the header names of %s', async (provider, endpoint, body) => {
    const known = new Set(
      recordings
        .filter((recording) => recording.provider === provider)
        .flatMap((recording) => Object.keys(recording.response.headers)),
    );
    const own = new Set(['x-simulator-call-id', 'connection', 'keep-alive', 'content-length']);
    const sent = [...(await post(endpoint, body)).headers.keys()];
    expect(sent.filter((name) => !known.has(name) && !own.has(name))).toEqual([]);
    expect(sent.filter((name) => name.includes('ratelimit'))).toHaveLength(provider === 'openai' ? 6 : 12);
  });
});
