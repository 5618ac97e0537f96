import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatAnthropic } from '@langchain/anthropic';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool as aiTool } from 'ai';
import OpenAI from 'openai';
import { startGateway, type TestGateway } from '../support/gateway';

const CLAUDE = 'claude-sonnet-4-20250514';
const GPT = 'gpt-4o-mini';
const MODELS = [GPT, CLAUDE] as const;

const weather = {
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: {
    type: 'object' as const,
    properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['C', 'F'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
};
const personSchema = {
  type: 'object' as const,
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(`
providers:
  openai: { type: simulator, models: [gpt-4o-mini, gpt-4o] }
  anthropic: { type: simulator, models: [${CLAUDE}, claude-3-5-haiku-20241022] }
`);
});
afterAll(() => gateway.close());

/** A request's record is complete: tokens, a cost, and one attempt. */
async function expectBilled(requestId: string | null | undefined, provider: string): Promise<void> {
  const record = await gateway.recordOf(String(requestId));
  expect(record).toMatchObject({ provider, status: 200, usage_source: 'provider' });
  expect(Number(record['cost_usd'])).toBeGreaterThan(0);
  expect(Number(record['input_tokens'])).toBeGreaterThan(0);
  expect(Number(record['output_tokens'])).toBeGreaterThan(0);
  expect(record['attempts']).toHaveLength(1);
}
const providerOf = (model: string): string => (model === GPT ? 'openai' : 'anthropic');

describe.each(MODELS)('the openai SDK, served by %s', (model) => {
  let client: OpenAI;
  beforeAll(() => (client = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 })));
  const ask = (content: string) => ({ model, messages: [{ role: 'user' as const, content }] });

  it('plain', async () => {
    const { data, response } = await client.chat.completions.create(ask('[[say:Grüße 👋]]')).withResponse();
    expect(data.choices[0]?.message.content).toBe('Grüße 👋');
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.usage?.total_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-gateway-provider')).toBe(providerOf(model));
    expect(Number(response.headers.get('x-gateway-cost-usd'))).toBeGreaterThan(0);
    await expectBilled(response.headers.get('x-request-id'), providerOf(model));
  });

  it('stream, with and without usage', async () => {
    const { data, response } = await client.chat.completions
      .create({ ...ask('[[say:one two three]]'), stream: true, stream_options: { include_usage: true } })
      .withResponse();
    let text = '';
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of data) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe('one two three');
    expect((usage as unknown as { cost: number }).cost).toBeGreaterThan(0);
    await expectBilled(response.headers.get('x-request-id'), providerOf(model));
    const silent = await client.chat.completions.create({ ...ask('hello'), stream: true });
    for await (const chunk of silent) expect(chunk.choices).toHaveLength(1);
  });

  it('tools, parallel tools and their results', async () => {
    const tools: OpenAI.ChatCompletionTool[] = [
      { type: 'function', function: weather },
      { type: 'function', function: { ...weather, name: 'get_time' } },
    ];
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Weather and time in Paris?' }];
    const first = await client.chat.completions.create({ model, messages, tools, tool_choice: 'required' });
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    expect(message.tool_calls?.length).toBe(2);
    for (const call of message.tool_calls ?? []) {
      if (call.type !== 'function') throw new Error('not a function call');
      const parameters = JSON.parse(call.function.arguments) as { city: unknown; unit: string };
      expect(typeof parameters.city).toBe('string');
      expect(['C', 'F']).toContain(parameters.unit);
    }
    const results = (message.tool_calls ?? []).map((call) => ({
      role: 'tool' as const,
      tool_call_id: call.id,
      content: '21 C',
    }));
    const second = await client.chat.completions.create({ model, messages: [...messages, message, ...results], tools });
    expect(second.choices[0]?.message.content?.length).toBeGreaterThan(0);
  });

  it('streamed tool calls', async () => {
    const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: weather }];
    const runner = client.chat.completions.stream({ ...ask('weather?'), tools, tool_choice: 'required' });
    const final = await runner.finalChatCompletion();
    const call = final.choices[0]?.message.tool_calls?.[0];
    expect(call?.type === 'function' && call.function.name).toBe('get_weather');
    expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toHaveProperty('city');
  });

  it('structured output', async () => {
    const completion = await client.chat.completions.create({
      ...ask('Who?'),
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: personSchema } },
    });
    expect(completion.choices[0]?.finish_reason).toBe('stop');
    const person = JSON.parse(completion.choices[0]?.message.content ?? '') as { name: unknown; age: unknown };
    expect(typeof person.name).toBe('string');
    expect(Number.isInteger(person.age)).toBe(true);
  });

  it('an image', async () => {
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const completion = await client.chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          ],
        },
      ],
    });
    expect(completion.choices[0]?.message.content?.length).toBeGreaterThan(0);
  });

  it('errors keep their class', async () => {
    await expect(client.chat.completions.create({ ...ask('x'), model: 'nope' })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
    await expect(client.chat.completions.create(ask('[[fault:context]]'))).rejects.toBeInstanceOf(
      OpenAI.BadRequestError,
    );
    const stranger = new OpenAI({ apiKey: 'gw_nobody', baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    await expect(stranger.chat.completions.create(ask('x'))).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  it('abort', async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { ...ask('[[tokens:400]] [[fault:slow=30]]'), stream: true },
      { signal: controller.signal },
    );
    let chunks = 0;
    for await (const chunk of stream) {
      chunks += chunk.choices.length;
      if (chunks === 3) controller.abort();
    }
    expect(chunks).toBeLessThan(20);
  });
});

describe.each(MODELS)('the Anthropic SDK, served by %s', (model) => {
  let client: Anthropic;
  beforeAll(() => (client = new Anthropic({ apiKey: gateway.apiKey, baseURL: gateway.url, maxRetries: 0 })));
  const ask = (content: string) => ({ model, max_tokens: 500, messages: [{ role: 'user' as const, content }] });
  const textOf = (message: Anthropic.Message): string =>
    message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

  it('plain', async () => {
    const { data, response } = await client.messages.create(ask('[[say:Grüße 👋]]')).withResponse();
    expect(textOf(data)).toBe('Grüße 👋');
    expect(data.stop_reason).toBe('end_turn');
    expect(data.usage.input_tokens).toBeGreaterThan(0);
    expect(response.headers.get('request-id')).toMatch(/^req_/);
    await expectBilled(response.headers.get('request-id'), providerOf(model));
  });

  it('stream', async () => {
    const stream = client.messages.stream(ask('[[say:one two three]]'));
    const message = await stream.finalMessage();
    expect(textOf(message)).toBe('one two three');
    expect(message.usage.output_tokens).toBeGreaterThan(0);
    expect(message.stop_reason).toBe('end_turn');
  });

  it('tools and their results, plain and streamed', async () => {
    const tools = [{ name: weather.name, description: weather.description, input_schema: weather.parameters }];
    const first = await client.messages.create({ ...ask('Weather in Paris?'), tools, tool_choice: { type: 'any' } });
    expect(first.stop_reason).toBe('tool_use');
    const call = first.content.find((block) => block.type === 'tool_use');
    expect(call?.input).toHaveProperty('city');
    const second = await client.messages.create({
      ...ask('Weather in Paris?'),
      tools,
      messages: [
        { role: 'user', content: 'Weather in Paris?' },
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: '21 C' }] },
      ],
    });
    expect(textOf(second).length).toBeGreaterThan(0);
    const streamed = await client.messages
      .stream({ ...ask('Weather?'), tools, tool_choice: { type: 'any' } })
      .finalMessage();
    expect(streamed.content.find((block) => block.type === 'tool_use')?.input).toHaveProperty('city');
  });

  it('structured output', async () => {
    const message = await client.messages.create({
      ...ask('Who?'),
      output_config: { format: { type: 'json_schema', schema: personSchema } },
    } as Anthropic.MessageCreateParamsNonStreaming);
    expect(JSON.parse(textOf(message))).toHaveProperty('name');
  });

  it('errors keep their class', async () => {
    await expect(client.messages.create({ ...ask('x'), model: 'nope' })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    );
    const stranger = new Anthropic({ apiKey: 'gw_nobody', baseURL: gateway.url, maxRetries: 0 });
    await expect(stranger.messages.create(ask('x'))).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    await expect(client.messages.create(ask('[[fault:context]]'))).rejects.toBeInstanceOf(Anthropic.BadRequestError);
  });

  it('abort', async () => {
    const stream = client.messages.stream(ask('[[tokens:400]] [[fault:slow=30]]'));
    let events = 0;
    const reading = (async () => {
      for await (const event of stream) {
        events += event.type === 'content_block_delta' ? 1 : 0;
        if (events === 3) stream.abort();
      }
    })();
    await expect(reading).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
    expect(events).toBeLessThan(20);
  });

  it('models', async () => {
    const ids: string[] = [];
    for await (const item of client.models.list()) ids.push(item.id);
    expect(ids).toEqual(expect.arrayContaining([GPT, CLAUDE]));
  });
});

describe('what a Messages request has and OpenAI has not', () => {
  it.each([false, true])('is told in a header, with stream=%s', async (stream) => {
    const ask = (rest: object): Promise<Response> =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': gateway.apiKey, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: GPT,
          max_tokens: 20,
          stream,
          messages: [{ role: 'user', content: 'Hi' }],
          ...rest,
        }),
      });
    const lossy = await ask({ top_k: 5, stop_sequences: ['1', '2', '3', '4', '5'] });
    await lossy.text();
    expect(lossy.status).toBe(200);
    expect(lossy.headers.get('x-gateway-warnings')).toBe(
      'top_k: not supported by this model; stop_sequences: only the first 4',
    );
    const whole = await ask({ stop_sequences: ['1', '2', '3', '4'] });
    await whole.text();
    expect(whole.headers.get('x-gateway-warnings')).toBeNull();
  });
});

describe.each(MODELS)('the Vercel AI SDK, served by %s', (model) => {
  const models = () => [
    createOpenAICompatible({
      name: 'gateway',
      apiKey: gateway.apiKey,
      baseURL: `${gateway.url}/v1`,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
    createAnthropic({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1` })(model),
  ];

  it('text, stream, tools and objects through both of its clients', async () => {
    for (const client of models()) {
      const plain = await generateText({ model: client, prompt: '[[say:hello]]', maxRetries: 0 });
      expect(plain.text).toBe('hello');
      expect(plain.usage.totalTokens).toBeGreaterThan(0);
      const streamed = streamText({ model: client, prompt: '[[say:one two]]', maxRetries: 0 });
      let text = '';
      for await (const piece of streamed.textStream) text += piece;
      expect(text).toBe('one two');
      const called: unknown[] = [];
      const tools = {
        get_weather: aiTool({
          description: weather.description,
          inputSchema: jsonSchema<{ city: string }>(weather.parameters),
          execute: (input) => {
            called.push(input);
            return '21 C';
          },
        }),
      };
      await generateText({
        model: client,
        prompt: 'Weather in Paris?',
        tools,
        stopWhen: stepCountIs(2),
        maxRetries: 0,
        prepareStep: ({ stepNumber }) => (stepNumber === 0 ? { toolChoice: 'required' } : { toolChoice: 'none' }),
      });
      expect(called[0]).toHaveProperty('city');
      const structured = await generateText({
        model: client,
        prompt: 'Who?',
        maxRetries: 0,
        output: Output.object({ schema: jsonSchema<{ name: string }>(personSchema) }),
      });
      expect(typeof structured.output.name).toBe('string');
    }
  });
});

describe.each(MODELS)('LangChain.js, served by %s', (model) => {
  const clients = () => [
    new ChatOpenAI({ model, apiKey: gateway.apiKey, maxRetries: 0, configuration: { baseURL: `${gateway.url}/v1` } }),
    new ChatAnthropic({ model, apiKey: gateway.apiKey, maxRetries: 0, maxTokens: 500, anthropicApiUrl: gateway.url }),
  ];

  it('text, stream and tools through both of its clients', async () => {
    for (const client of clients()) {
      const answer = await client.invoke('[[say:hello]]');
      expect(answer.text).toBe('hello');
      expect((answer.usage_metadata as { total_tokens: number } | undefined)?.total_tokens).toBeGreaterThan(0);
      let text = '';
      for await (const chunk of await client.stream('[[say:one two]]')) text += chunk.text;
      expect(text).toBe('one two');
      const bound = client.bindTools(
        [
          langchainTool(() => '21 C', {
            name: weather.name,
            description: weather.description,
            schema: weather.parameters,
          }),
        ],
        { tool_choice: 'any' },
      );
      const called = await bound.invoke('Weather in Paris?');
      expect(called.tool_calls?.[0]).toMatchObject({ name: 'get_weather' });
      expect(called.tool_calls?.[0]?.args).toHaveProperty('city');
    }
  });
});
