import OpenAI from 'openai';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';

const CLAUDE = 'claude-sonnet-4-20250514';
const GPT = 'gpt-4o-mini';
const providerOf = (model: string): string => (model === GPT ? 'openai' : 'anthropic');

const weather = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: {
    type: 'object' as const,
    properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['C', 'F'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
  strict: true,
};
const person = {
  type: 'object' as const,
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};

type Event = OpenAI.Responses.ResponseStreamEvent;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(`
providers:
  openai: { type: simulator, models: [${GPT}, gpt-5-mini] }
  anthropic: { type: simulator, models: [${CLAUDE}, claude-sonnet-4-6] }
routing: { fallback: none }
`);
});
afterAll(() => gateway.close());

async function expectBilled(requestId: string | null, provider: string): Promise<void> {
  const record = await gateway.recordOf(String(requestId));
  expect(record).toMatchObject({ provider, status: 200, usage_source: 'provider', dialect: 'responses' });
  expect(Number(record['cost_usd'])).toBeGreaterThan(0);
  expect(Number(record['input_tokens'])).toBeGreaterThan(0);
  expect(Number(record['output_tokens'])).toBeGreaterThan(0);
}

/** What every stream of this API keeps to, whoever serves it. */
function expectWellFormed(events: readonly Event[]): void {
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.in_progress']);
  const open = new Map<number, string>();
  let added = 0;
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      expect(event.output_index).toBe(added);
      added += 1;
      open.set(event.output_index, event.item.id ?? '');
    } else if (event.type === 'response.output_item.done') {
      expect(open.delete(event.output_index)).toBe(true);
    } else if ('output_index' in event && 'item_id' in event) {
      expect(open.get(event.output_index)).toBe(event.item_id);
    }
  }
  expect(open.size).toBe(0);
}

describe.each([GPT, CLAUDE])('responses of the openai SDK, served by %s', (model) => {
  let client: OpenAI;
  beforeAll(() => (client = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 })));

  it('plain', async () => {
    const { data, response } = await client.responses
      .create({ model, input: '[[say:Grüße 👋]]', instructions: 'Be brief.' })
      .withResponse();
    expect(data.output_text).toBe('Grüße 👋');
    expect(data).toMatchObject({ object: 'response', status: 'completed', instructions: 'Be brief.', error: null });
    expect(data.usage?.total_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-gateway-provider')).toBe(providerOf(model));
    expect(Number(response.headers.get('x-gateway-cost-usd'))).toBeGreaterThan(0);
    await expectBilled(response.headers.get('x-request-id'), providerOf(model));
  });

  it('a stream, event by event', async () => {
    const { data, response } = await client.responses
      .create({ model, input: '[[say:one two three]]', stream: true })
      .withResponse();
    const events: Event[] = [];
    for await (const event of data) events.push(event);
    expectWellFormed(events);
    const text = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
    expect(text).toBe('one two three');
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error(`ended with ${last?.type}`);
    expect(last.response.output).toHaveLength(1);
    expect((last.response.usage as unknown as { cost: number }).cost).toBeGreaterThan(0);
    await expectBilled(response.headers.get('x-request-id'), providerOf(model));
  });

  it('parallel function calls and their results', async () => {
    const tools = [weather, { ...weather, name: 'get_time' }];
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather and time in Paris?' }];
    const first = await client.responses.create({ model, input, tools, tool_choice: 'required' });
    const calls = first.output.filter((item) => item.type === 'function_call');
    expect(calls.map(({ name }) => name).sort()).toEqual(['get_time', 'get_weather']);
    for (const call of calls) expect(JSON.parse(call.arguments)).toHaveProperty('city');
    const results = calls.map(({ call_id }) => ({ type: 'function_call_output' as const, call_id, output: '21 C' }));
    const second = await client.responses.create({
      model,
      tools,
      input: [...input, ...(first.output as OpenAI.Responses.ResponseInput), ...results],
    });
    expect(second.output_text.length).toBeGreaterThan(0);
  });

  it('streamed function calls, as the SDK puts them together', async () => {
    const stream = client.responses.stream({ model, input: 'Weather?', tools: [weather], tool_choice: 'required' });
    const events: Event[] = [];
    stream.on('event', (event) => events.push(event as Event));
    const final = await stream.finalResponse();
    expectWellFormed(events);
    const call = final.output.find((item) => item.type === 'function_call');
    expect(call?.name).toBe('get_weather');
    const told = events.map((event) => (event.type === 'response.function_call_arguments.delta' ? event.delta : ''));
    expect(told.join('')).toBe(call?.arguments);
    expect(JSON.parse(call?.arguments ?? '')).toHaveProperty('city');
  });

  it('structured output', async () => {
    const response = await client.responses.parse({
      model,
      input: 'Who?',
      text: { format: { type: 'json_schema', name: 'person', strict: true, schema: person } },
    });
    expect(Number.isInteger((JSON.parse(response.output_text) as { age: unknown }).age)).toBe(true);
  });

  it('an image', async () => {
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const image = {
      type: 'input_image' as const,
      image_url: `data:image/png;base64,${pixel}`,
      detail: 'auto' as const,
    };
    const content = [{ type: 'input_text' as const, text: 'What is this?' }, image];
    const response = await client.responses.create({ model, input: [{ role: 'user', content }] });
    expect(response.output_text.length).toBeGreaterThan(0);
  });

  it('an answer that was cut is incomplete', async () => {
    const request = { model, input: '[[tokens:400]]', max_output_tokens: 16 };
    const whole = await client.responses.create(request);
    expect(whole).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    const events: Event[] = [];
    for await (const event of await client.responses.create({ ...request, stream: true })) events.push(event);
    expectWellFormed(events);
    expect(events.at(-1)?.type).toBe('response.incomplete');
  });

  it('errors keep their class', async () => {
    const ask = (input: string, named = model) => client.responses.create({ model: named, input });
    await expect(ask('x', 'nope')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(ask('[[fault:context]]')).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    const stranger = new OpenAI({ apiKey: 'gw_nobody', baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    await expect(stranger.responses.create({ model, input: 'x' })).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });
});

describe('what only OpenAI can be told', () => {
  let falling: TestGateway;
  beforeAll(async () => {
    falling = await startGateway(`
providers:
  openai: { type: simulator, models: [${GPT}] }
  anthropic: { type: simulator, models: [${CLAUDE}] }
routing: { fallback: by_position }
`);
  });
  afterAll(() => falling.close());

  const post = (path: string, body: object): Promise<Response> =>
    fetch(`${falling.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${falling.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it.each([
    ['/v1/responses', { input: 'Hi', previous_response_id: 'resp_1' }, 'previous_response_id'],
    ['/v1/responses', { input: 'Hi', conversation: 'conv_1' }, 'conversation'],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], n: 2 }, 'n'],
  ])('%s with %j is a 400 on another model, and no other model answers in its place', async (path, rest, param) => {
    const refused = await post(path, { model: CLAUDE, ...rest });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('x-gateway-attempts')).toBe('0');
    expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error', param } });
  });
});

describe('a Responses stream that breaks after its first content', () => {
  it.each([GPT, CLAUDE])('ends with one numbered error event and no end, served by %s', async (model) => {
    const response = await fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, input: '[[tokens:60]] [[fault:cut-after=9]]', stream: true }),
    });
    expect(response.status).toBe(200);
    const events = sseData(await response.text()) as { type: string; sequence_number: number; error?: object }[];
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.some(({ type }) => type === 'response.output_text.delta')).toBe(true);
    expect(events.filter(({ type }) => /error|completed|incomplete|failed/.test(type))).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'error', code: 'provider_error', error: { code: 'provider_error' } });
  });
});
