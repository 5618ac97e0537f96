import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { estimateTokens } from '../../../core/tokens';
import { startSimulator, type Simulator } from './simulator';

const WEATHER = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['name', 'age', 'tags'],
  additionalProperties: false,
};

describe('the simulator behind the official SDKs', () => {
  let simulator: Simulator;
  let openai: OpenAI;
  let anthropic: Anthropic;

  beforeAll(async () => {
    simulator = await startSimulator({ strict: true });
    openai = new OpenAI({ apiKey: 'sk-test', baseURL: `${simulator.url}/openai/v1`, maxRetries: 0 });
    anthropic = new Anthropic({ apiKey: 'sk-ant', baseURL: `${simulator.url}/anthropic`, maxRetries: 0 });
  });
  afterAll(() => simulator.close());

  const user = (content: string) => [{ role: 'user' as const, content }];
  const lastEntry = () => simulator.journal().at(-1);

  describe('openai', () => {
    it('answers a chat, the same text again for the same request, and bills what the journal says', async () => {
      const ask = () => openai.chat.completions.create({ model: 'gpt-4o', messages: user('Where is the tea?') });
      const { data, response } = await ask().withResponse();
      const again = await ask();
      const text = data.choices[0]?.message.content ?? '';
      expect(data.model).toBe('gpt-4o-2024-08-06');
      expect(data.choices[0]?.finish_reason).toBe('stop');
      expect(text).toMatch(/\p{Extended_Pictographic}/u);
      expect(data.usage?.completion_tokens).toBe(estimateTokens(text));
      expect(again.choices[0]?.message.content).toBe(text);
      expect(again.id).not.toBe(data.id);
      const entry = simulator
        .journal()
        .find((candidate) => candidate.callId === response.headers.get('x-simulator-call-id'));
      expect(entry).toMatchObject({
        prefix: 'openai',
        path: '/v1/chat/completions',
        model: 'gpt-4o',
        status: 200,
        inputTokens: data.usage?.prompt_tokens,
        outputTokens: data.usage?.completion_tokens,
        finished: true,
        closedBy: null,
        authorizationSeen: true,
      });
    });

    it('streams the text that it answers in JSON, with usage only when asked', async () => {
      const body = { model: 'gpt-4o-mini', messages: user('Tell me about rivers [[tokens:60]]') };
      const whole = await openai.chat.completions.create(body);
      const options = { stream: true as const, stream_options: { include_usage: true } };
      const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
      for await (const chunk of await openai.chat.completions.create({ ...body, ...options })) chunks.push(chunk);
      const plain: OpenAI.Chat.ChatCompletionChunk[] = [];
      for await (const chunk of await openai.chat.completions.create({ ...body, stream: true })) plain.push(chunk);
      const textOf = (list: typeof chunks) => list.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
      expect(textOf(chunks)).toBe(whole.choices[0]?.message.content);
      expect(textOf(plain)).toBe(textOf(chunks));
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
      expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
      expect(plain.some((chunk) => 'usage' in chunk)).toBe(false);
      expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
      expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '', refusal: null });
      expect(whole.usage?.completion_tokens).toBe(60);
    });

    it('calls tools in parallel with arguments of their schemas, then answers with what they returned', async () => {
      const tools = ['get_weather', 'get_news', 'get_time'].map((name) => ({
        type: 'function' as const,
        function: { name, parameters: WEATHER, strict: true },
      }));
      const messages = user('Use get_weather and get_news, please');
      const first = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools });
      const calls = first.choices[0]?.message.tool_calls ?? [];
      expect(first.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
      expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(['get_weather', 'get_news']);
      for (const call of calls)
        if (call.type === 'function') {
          const given = JSON.parse(call.function.arguments) as { city: string; days: number };
          expect(Object.keys(given)).toEqual(['city', 'days']);
          expect(given.days).toBeGreaterThanOrEqual(1);
          expect(given.days).toBeLessThanOrEqual(7);
        }
      const results = calls.map((call) => ({
        role: 'tool' as const,
        tool_call_id: call.id,
        content: `${call.id} says 21°`,
      }));
      const conversation = [...messages, first.choices[0]!.message, ...results];
      const second = await openai.chat.completions.create({ model: 'gpt-4o', messages: conversation, tools });
      expect(second.choices[0]?.finish_reason).toBe('stop');
      for (const call of calls) expect(second.choices[0]?.message.content).toContain(`${call.id} says 21°`);
      await expect(
        openai.chat.completions.create({ model: 'gpt-4o', messages: conversation.slice(0, -1), tools }),
      ).rejects.toThrow(/must be followed by tool messages.*call_/);
    });

    it.each([
      ['none', 'none' as const, []],
      ['required', 'required' as const, ['first', 'second']],
      ['a name', { type: 'function' as const, function: { name: 'second' } }, ['second']],
      [
        'allowed tools',
        {
          type: 'allowed_tools' as const,
          allowed_tools: { mode: 'required' as const, tools: [{ type: 'function', function: { name: 'second' } }] },
        },
        ['second'],
      ],
    ])('honours tool_choice %s, streamed too', async (_name, tool_choice, expected) => {
      const tools = ['first', 'second'].map((name) => ({ type: 'function' as const, function: { name } }));
      const body = { model: 'gpt-4.1', messages: user('Go'), tools, tool_choice };
      const answer = await openai.chat.completions.create(body);
      const streamed = await openai.chat.completions.stream(body).finalChatCompletion();
      for (const completion of [answer, streamed]) {
        const calls = completion.choices[0]?.message.tool_calls ?? [];
        expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(expected);
      }
    });

    it('calls one tool when parallel calls are off', async () => {
      const tools = ['first', 'second'].map((name) => ({ type: 'function' as const, function: { name } }));
      const body = { model: 'gpt-4o', messages: user('Go'), tools, parallel_tool_calls: false };
      const answer = await openai.chat.completions.create(body);
      expect(answer.choices[0]?.message.tool_calls).toHaveLength(1);
    });

    it('keeps to a JSON schema, and to a refusal', async () => {
      const response_format = {
        type: 'json_schema' as const,
        json_schema: { name: 'person', strict: true, schema: PERSON },
      };
      const answer = await openai.chat.completions.create({ model: 'gpt-4o', messages: user('Who?'), response_format });
      const person = JSON.parse(answer.choices[0]?.message.content ?? '') as Record<string, unknown>;
      expect(Object.keys(person).sort()).toEqual(['age', 'name', 'tags']);
      expect(Number.isInteger(person['age'])).toBe(true);
      expect(Array.isArray(person['tags'])).toBe(true);
      const refused = await openai.chat.completions.create({
        model: 'gpt-4o',
        messages: user('[[refuse]]'),
        response_format,
      });
      expect(refused.choices[0]?.message).toMatchObject({ content: null, refusal: expect.stringContaining('sorry') });
    });

    it('honours n, stop, the token limit, logprobs and reasoning effort', async () => {
      const messages = user('[[say:one two three four five six seven]]');
      const many = await openai.chat.completions.create({ model: 'gpt-4o', messages: user('Choose'), n: 3 });
      expect(many.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
      expect(new Set(many.choices.map((choice) => choice.message.content)).size).toBe(3);
      const stopped = await openai.chat.completions.create({ model: 'gpt-4o', messages, stop: ['six', ' four'] });
      expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'one two three' } });
      const short = await openai.chat.completions.create({ model: 'gpt-4o', messages, max_tokens: 2 });
      expect(short.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'one two' } });
      expect(short.usage?.completion_tokens).toBe(2);
      const likely = await openai.chat.completions.create({
        model: 'gpt-4o',
        messages,
        logprobs: true,
        top_logprobs: 2,
      });
      const tokens = likely.choices[0]?.logprobs?.content ?? [];
      expect(tokens.map((token) => token.token).join('')).toBe('one two three four five six seven');
      expect(tokens.every((token) => token.logprob < 0 && token.top_logprobs.length === 2)).toBe(true);
      const thought = await openai.chat.completions.create({ model: 'gpt-5', messages, reasoning_effort: 'high' });
      expect(thought.usage?.completion_tokens_details?.reasoning_tokens).toBe(448);
      expect(thought.usage?.completion_tokens).toBe(448 + 7);
    });

    it('reports cached tokens when a long beginning comes again', async () => {
      const rules = `Rules ${Date.now()}: ${'always weigh the tea before you pour it. '.repeat(200)}`;
      const ask = (content: string) =>
        openai.chat.completions.create({
          model: 'gpt-4o',
          messages: [{ role: 'system', content: rules }, ...user(content)],
        });
      const first = await ask('Green?');
      const second = await ask('Black?');
      expect(first.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
      const cached = second.usage?.prompt_tokens_details?.cached_tokens ?? 0;
      expect(cached).toBeGreaterThanOrEqual(1024);
      expect(cached % 128).toBe(0);
      expect(cached).toBeLessThan(second.usage?.prompt_tokens ?? 0);
      expect(lastEntry()?.cachedTokens).toBe(cached);
    });

    it('speaks Responses: text, tools, schema, limit, and events in sequence', async () => {
      const body = { model: 'gpt-4o', input: 'Say something [[tokens:40]]' };
      const whole = await openai.responses.create(body);
      expect(whole).toMatchObject({ status: 'completed', usage: { output_tokens: 40 } });
      const events = [];
      for await (const event of await openai.responses.create({ ...body, stream: true })) events.push(event);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
      expect(events.map((event) => event.type)[0]).toBe('response.created');
      expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { usage: whole.usage } });
      const text = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
      expect(text).toBe(whole.output_text);
      const tools = [{ type: 'function' as const, name: 'get_weather', parameters: WEATHER, strict: true }];
      const called = await openai.responses.create({ model: 'gpt-4o', input: 'Weather?', tools });
      expect(called.output.map((item) => item.type)).toEqual(['function_call']);
      const cut = await openai.responses.create({ ...body, max_output_tokens: 16 });
      expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
      const format = { type: 'json_schema' as const, name: 'person', schema: PERSON, strict: true };
      const typed = await openai.responses.parse({ model: 'gpt-4o', input: 'Who?', text: { format } });
      expect(typed.output_parsed).toMatchObject({ age: expect.any(Number) });
    });

    it('embeds near texts near each other, in both encodings and any size', async () => {
      const input = ['How do I reset my password?', 'How can I reset the password?', 'The best recipe for apple pie'];
      const options = { model: 'text-embedding-3-small', input, dimensions: 256 };
      const packed = await openai.embeddings.create(options);
      const floats = await openai.embeddings.create({ ...options, encoding_format: 'float' });
      const [one, two, three] = packed.data.map((item) => item.embedding) as [number[], number[], number[]];
      const dot = (left: number[], right: number[]) =>
        left.reduce((sum, value, index) => sum + value * right[index]!, 0);
      expect(one).toHaveLength(256);
      expect(dot(one, one)).toBeCloseTo(1, 4);
      expect(dot(one, two)).toBeGreaterThan(0.95);
      expect(dot(one, three)).toBeLessThan(0.3);
      floats.data[0]!.embedding.forEach((value, index) => expect(value).toBeCloseTo(one[index]!, 5));
      await expect(openai.embeddings.create({ ...options, dimensions: 5000 })).rejects.toMatchObject({
        status: 400,
        code: null,
        param: null,
      });
    });

    it('completes text, and lists models', async () => {
      const completion = await openai.completions.create({ model: 'davinci-002', prompt: 'Once', max_tokens: 5 });
      expect(completion.choices[0]?.finish_reason).toBe('length');
      expect(completion.usage?.completion_tokens).toBeLessThanOrEqual(5);
      let streamed = '';
      const stream = await openai.completions.create({
        model: 'davinci-002',
        prompt: 'Once',
        max_tokens: 5,
        stream: true,
      });
      for await (const chunk of stream) streamed += chunk.choices[0]?.text ?? '';
      expect(streamed).toBe(completion.choices[0]?.text);
      const models = await openai.models.list();
      expect(models.data.map((model) => model.id)).toContain('gpt-4o');
      expect((await openai.models.retrieve('gpt-4o')).owned_by).toBe('system');
    });

    it('refuses as OpenAI does', async () => {
      const messages = user('Hello');
      await expect(openai.chat.completions.create({ model: 'missing-model', messages })).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
      });
      await expect(openai.responses.create({ model: 'missing-model', input: 'Hello' })).rejects.toMatchObject({
        status: 400,
        code: 'model_not_found',
      });
      const stranger = new OpenAI({ apiKey: 'invalid', baseURL: `${simulator.url}/v1`, maxRetries: 0 });
      await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
      await expect(openai.chat.completions.create({ model: 'gpt-4o', messages, temperature: 3 })).rejects.toMatchObject(
        { status: 400, code: 'decimal_above_max_value' },
      );
      const faulty = openai.chat.completions.create({ model: 'gpt-4o', messages: user('[[fault:429,retry-after=7]]') });
      await expect(faulty).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'tokens' });
      const broke = openai.chat.completions.create({ model: 'gpt-4o', messages: user('[[fault:quota]]') });
      await expect(broke).rejects.toMatchObject({ status: 429, code: 'insufficient_quota' });
    });
  });

  describe('anthropic', () => {
    const base = { model: 'claude-sonnet-4-6', max_tokens: 400 };

    it('answers and streams the same message', async () => {
      const body = { ...base, messages: user('Tell me about stones [[tokens:50]]') };
      const whole = await anthropic.messages.create(body);
      const streamed = await anthropic.messages.stream(body).finalMessage();
      expect(whole).toMatchObject({ stop_reason: 'end_turn', stop_sequence: null, usage: { output_tokens: 50 } });
      expect(streamed.content).toEqual(whole.content);
      expect(streamed.usage.output_tokens).toBe(50);
      expect(await anthropic.messages.countTokens({ model: base.model, messages: body.messages })).toEqual({
        input_tokens: whole.usage.input_tokens,
      });
    });

    it('thinks in a block with a signature, and bills it', async () => {
      const body = {
        ...base,
        max_tokens: 3000,
        thinking: { type: 'enabled' as const, budget_tokens: 1024 },
        messages: user('Why?'),
      };
      const whole = await anthropic.messages.create(body);
      const streamed = await anthropic.messages.stream(body).finalMessage();
      expect(whole.content.map((block) => block.type)).toEqual(['thinking', 'text']);
      for (const message of [whole, streamed]) {
        const [thinking, text] = message.content;
        if (thinking?.type !== 'thinking' || text?.type !== 'text') throw new Error('unexpected blocks');
        expect(thinking.signature.length).toBeGreaterThan(50);
        expect(message.usage.output_tokens).toBe(estimateTokens(thinking.thinking) + estimateTokens(text.text));
      }
    });

    it.each([
      ['auto', { type: 'auto' as const }, ['text', 'first', 'second']],
      ['auto, one at a time', { type: 'auto' as const, disable_parallel_tool_use: true }, ['text', 'first']],
      ['any', { type: 'any' as const }, ['first', 'second']],
      ['tool', { type: 'tool' as const, name: 'second' }, ['second']],
      ['none', { type: 'none' as const }, ['text']],
    ])('honours tool_choice %s', async (_name, tool_choice, expected) => {
      const tools = ['first', 'second'].map((name) => ({ name, input_schema: WEATHER }));
      const body = { ...base, messages: user('Go'), tools, tool_choice };
      const whole = await anthropic.messages.create(body);
      const streamed = await anthropic.messages.stream(body).finalMessage();
      for (const message of [whole, streamed]) {
        expect(message.content.map((block) => (block.type === 'tool_use' ? block.name : block.type))).toEqual(expected);
        for (const block of message.content)
          if (block.type === 'tool_use')
            expect(block.input).toMatchObject({ city: expect.any(String), days: expect.any(Number) });
      }
    });

    it('answers after a tool result, and refuses a call that nobody answered', async () => {
      const tools = [{ name: 'get_weather', input_schema: WEATHER }];
      const first = await anthropic.messages.create({ ...base, messages: user('Weather?'), tools });
      const use = first.content.find((block) => block.type === 'tool_use');
      const result = { type: 'tool_result' as const, tool_use_id: use?.id ?? '', content: 'It is 21° in Łódź' };
      const answered = [
        ...user('Weather?'),
        { role: 'assistant' as const, content: first.content },
        { role: 'user' as const, content: [result] },
      ];
      const second = await anthropic.messages.create({ ...base, messages: answered, tools });
      expect(second.stop_reason).toBe('end_turn');
      expect(JSON.stringify(second.content)).toContain('It is 21° in Łódź');
      const ignored = [...answered.slice(0, 2), ...user('Never mind')];
      await expect(anthropic.messages.create({ ...base, messages: ignored, tools })).rejects.toThrow(
        /without `tool_result` blocks/,
      );
    });

    it('keeps to an output format, stop sequences and the token limit', async () => {
      const output_config = { format: { type: 'json_schema' as const, schema: PERSON } };
      const typed = await anthropic.messages.create({ ...base, messages: user('Who?'), output_config });
      const [block] = typed.content;
      expect(Object.keys(JSON.parse(block?.type === 'text' ? block.text : '') as object).sort()).toEqual([
        'age',
        'name',
        'tags',
      ]);
      const messages = user('[[say:one two three four]]');
      const stopped = await anthropic.messages.create({ ...base, messages, stop_sequences: [' three'] });
      expect(stopped).toMatchObject({
        stop_reason: 'stop_sequence',
        stop_sequence: ' three',
        content: [{ text: 'one two' }],
      });
      const short = await anthropic.messages.create({ ...base, messages, max_tokens: 1 });
      expect(short).toMatchObject({
        stop_reason: 'max_tokens',
        content: [{ text: 'one' }],
        usage: { output_tokens: 1 },
      });
      const refused = await anthropic.messages.create({ ...base, messages: user('[[refuse]]') });
      expect(refused).toMatchObject({ stop_reason: 'refusal', content: [], stop_details: { type: 'refusal' } });
    });

    it('writes and reads the prompt cache where breakpoints are, 5 minutes and 1 hour apart', async () => {
      const long = `${Date.now()} ${'keep the lighthouse lit through the night. '.repeat(250)}`;
      const ask = (ttl: '5m' | '1h', marker: string) =>
        anthropic.messages.create({
          ...base,
          system: [{ type: 'text', text: `${marker} ${long}`, cache_control: { type: 'ephemeral', ttl } }],
          messages: user('Lit?'),
        });
      const written = await ask('5m', 'A');
      const read = await ask('5m', 'A');
      const hour = await ask('1h', 'B');
      const size = written.usage.cache_creation_input_tokens ?? 0;
      expect(size).toBeGreaterThan(1024);
      expect(written.usage).toMatchObject({
        cache_read_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: size, ephemeral_1h_input_tokens: 0 },
      });
      expect(read.usage).toMatchObject({
        cache_read_input_tokens: size,
        cache_creation_input_tokens: 0,
        input_tokens: written.usage.input_tokens,
      });
      expect(hour.usage.cache_creation).toMatchObject({
        ephemeral_5m_input_tokens: 0,
        ephemeral_1h_input_tokens: size,
      });
      expect(lastEntry()).toMatchObject({ cacheWriteTokens: size, inputTokens: size + hour.usage.input_tokens });
    });

    it('refuses as Anthropic does', async () => {
      const messages = user('Hello');
      await expect(anthropic.messages.create({ ...base, model: 'missing-model', messages })).rejects.toThrow(
        /not_found_error.*missing-model/,
      );
      const stranger = new Anthropic({ apiKey: 'invalid', baseURL: simulator.url, maxRetries: 0 });
      await expect(stranger.messages.create({ ...base, messages })).rejects.toMatchObject({ status: 401 });
      await expect(anthropic.messages.create({ ...base, messages: user('[[fault:529]]') })).rejects.toMatchObject({
        status: 529,
      });
      await expect(
        anthropic.messages.create({ ...base, messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }),
      ).rejects.toThrow(/text content blocks must be non-empty/);
      const stray = { ...base, messages, seed: 1 };
      await expect(anthropic.messages.create(stray)).rejects.toThrow(/seed: Extra inputs are not permitted/);
      const late = anthropic.messages.stream({ ...base, messages: user('[[fault:error-after=2]]') });
      await expect(late.finalMessage()).rejects.toThrow(/overloaded_error/);
      expect((await anthropic.models.list()).data[0]?.type).toBe('model');
    });
  });
});
