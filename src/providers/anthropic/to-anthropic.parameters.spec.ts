import type { JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { anthropicCapabilities, toAnthropic, type AnthropicRequest, type ToAnthropicOptions } from './to-anthropic';

const BUDGET_MODEL = 'claude-sonnet-4-5';
const ADAPTIVE_MODEL = 'claude-opus-4-8';
const OLD_MODEL = 'claude-3-5-haiku-20241022';

const request = (
  extra: JsonObject,
  model = BUDGET_MODEL,
  options: Partial<ToAnthropicOptions> = {},
): AnthropicRequest =>
  toAnthropic(
    { model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...extra },
    {
      model,
      maxOutputTokens: 4096,
      ...options,
    },
  );
const paramOf = (extra: JsonObject, model = BUDGET_MODEL): string | null => {
  try {
    request(extra, model);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.param;
  }
  throw new Error('It was not refused.');
};
const SCHEMA = { type: 'object', properties: { city: { type: 'string', minLength: 1 } }, required: ['city'] };
const format = (extra: JsonObject = {}) => ({
  type: 'json_schema',
  json_schema: { name: 'place', schema: SCHEMA, ...extra },
});

describe('parameters to Anthropic', () => {
  it('sends nothing but what is known', () => {
    expect(request({}).body).toEqual({
      model: BUDGET_MODEL,
      max_tokens: 4096,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    });
  });

  it('(44) max_completion_tokens wins over max_tokens, the default fills in, the cap holds', () => {
    expect(request({ max_tokens: 10, max_completion_tokens: 20 }).body['max_tokens']).toBe(20);
    expect(request({ max_tokens: 10, max_completion_tokens: null }).body['max_tokens']).toBe(10);
    expect(request({ max_tokens: null }).body['max_tokens']).toBe(4096);
    const capped = request({ max_tokens: 10_000 }, BUDGET_MODEL, { maxOutputTokensCap: 8192 });
    expect(capped.body['max_tokens']).toBe(8192);
    expect(capped.warnings.join()).toContain('8192');
    expect(request({}, BUDGET_MODEL, { maxOutputTokensCap: 100 }).body['max_tokens']).toBe(100);
    for (const bad of [0, -1, 1.5, '5']) expect(paramOf({ max_tokens: bad })).toBe('max_tokens');
  });

  it('(45) temperature above 1 is lowered, above 2 refused', () => {
    const hot = request({ temperature: 1.7 });
    expect(hot.body['temperature']).toBe(1);
    expect(hot.warnings.join()).toContain('temperature');
    expect(request({ temperature: 0.3 }).body['temperature']).toBe(0.3);
    expect(request({ temperature: 0 }).body['temperature']).toBe(0);
    expect(request({ temperature: null }).body).not.toHaveProperty('temperature');
    for (const bad of [2.1, -0.1, 'hot']) expect(paramOf({ temperature: bad })).toBe('temperature');
  });

  it('(46) of temperature and top_p newer models get temperature only', () => {
    const both = { temperature: 0.5, top_p: 0.9 };
    expect(request(both).body).toMatchObject({ temperature: 0.5 });
    expect(request(both).body).not.toHaveProperty('top_p');
    expect(request(both).warnings.join()).toContain('top_p');
    expect(request(both, OLD_MODEL).body).toMatchObject(both);
    expect(request({ top_p: 0.9 }).body['top_p']).toBe(0.9);
  });

  it('(47) models without sampling parameters get none, with a warning for each', () => {
    const { body, warnings } = request({ temperature: 0.5, top_p: 0.9, top_k: 5 }, ADAPTIVE_MODEL);
    expect(body).not.toHaveProperty('temperature');
    expect(body).not.toHaveProperty('top_p');
    expect(body).not.toHaveProperty('top_k');
    expect(warnings).toHaveLength(3);
    const told = request({ temperature: 0.5 }, ADAPTIVE_MODEL, { capabilities: { samplingParameters: true } });
    expect(told.body['temperature']).toBe(0.5);
  });

  it('(48) Anthropic’s own parameters pass', () => {
    const own = {
      thinking: { type: 'enabled', budget_tokens: 2000 },
      cache_control: { type: 'ephemeral' },
      context_management: { edits: [] },
      inference_geo: 'eu',
      mcp_servers: [{ type: 'url', name: 'x', url: 'https://e.com' }],
      output_config: { task_budget: { type: 'tokens', total: 1 } },
    };
    const { body } = request(own);
    expect(body).toMatchObject(own);
    expect(request({ top_k: 40 }).body['top_k']).toBe(40);
  });

  it('(48) a thinking budget that reaches max_tokens raises it', () => {
    const { body } = request({ thinking: { type: 'enabled', budget_tokens: 5000 }, max_tokens: 1000 });
    expect(body['max_tokens']).toBe(6000);
  });

  it('(49) stop becomes a list without blank sequences, of any length', () => {
    expect(request({ stop: 'END' }).body['stop_sequences']).toEqual(['END']);
    expect(request({ stop: ['a', '\n', '', 'b', 'c', 'd', 'e'] }).body['stop_sequences']).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
    ]);
    expect(request({ stop: ['\n'] }).body).not.toHaveProperty('stop_sequences');
    expect(request({ stop: null }).body).not.toHaveProperty('stop_sequences');
    expect(paramOf({ stop: [1] })).toBe('stop');
  });

  it('(50) more than one answer is refused', () => {
    expect(paramOf({ n: 2 })).toBe('n');
    expect(paramOf({ n: 0 })).toBe('n');
    expect(request({ n: 1 }).body).not.toHaveProperty('n');
    expect(request({ n: null }).body).not.toHaveProperty('n');
  });

  it('(51) logprobs are refused', () => {
    expect(paramOf({ logprobs: true })).toBe('logprobs');
    expect(paramOf({ top_logprobs: 2 })).toBe('top_logprobs');
    expect(request({ logprobs: false, top_logprobs: null }).warnings).toEqual([]);
  });

  it('(51) harmless parameters without a counterpart are dropped with a warning, never sent', () => {
    const dropped = {
      logit_bias: { 1: 2 },
      seed: 7,
      presence_penalty: 0.5,
      frequency_penalty: 0.5,
      prediction: { type: 'content', content: 'x' },
      store: true,
      metadata: { a: 'b' },
      verbosity: 'low',
      prompt_cache_key: 'k',
      min_p: 0.1,
      something_new: 1,
    };
    const { body, warnings } = request(dropped);
    expect(Object.keys(body)).toEqual(['model', 'max_tokens', 'messages']);
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual(Object.keys(dropped));
    expect(request({ logit_bias: {}, presence_penalty: 0, store: false, seed: null }).warnings).toEqual([]);
  });

  it('(52) the end user becomes metadata.user_id', () => {
    expect(request({ user: 'u1' }).body['metadata']).toEqual({ user_id: 'u1' });
    expect(request({ user: 'u1', safety_identifier: 's1' }).body['metadata']).toEqual({ user_id: 's1' });
    expect(request({ user: '' }).body).not.toHaveProperty('metadata');
    const long = request({ user: 'x'.repeat(257) });
    expect(long.body).not.toHaveProperty('metadata');
    expect(long.warnings.join()).toContain('user');
  });

  it('(53) a JSON schema becomes output_config.format where the model has it', () => {
    const { body, jsonTool } = request({ response_format: format({ strict: true }) });
    expect(jsonTool).toBeNull();
    expect(body['output_config']).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: { city: { type: 'string', description: 'min length: 1.' } },
          required: ['city'],
          additionalProperties: false,
        },
      },
    });
  });

  it('(53) unsupported keywords move into descriptions at every level', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      description: 'Root',
      properties: {
        list: {
          type: 'array',
          minItems: 3,
          maxItems: 5,
          items: { type: 'object', properties: { n: { type: 'integer', maximum: 9 } } },
        },
        one: { type: 'array', minItems: 1, items: { type: 'string' } },
        when: { type: 'string', format: 'date' },
        odd: { type: 'string', format: 'iban' },
        either: { oneOf: [{ type: 'string', pattern: '^a' }, { $ref: '#/$defs/B' }] },
        map: { type: 'object', additionalProperties: { type: 'string' } },
      },
      $defs: { B: { type: 'object', properties: {} } },
    };
    const { body } = request({ response_format: format({ schema }) });
    expect(body['output_config']).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          description: 'Root',
          properties: {
            list: {
              type: 'array',
              items: {
                type: 'object',
                properties: { n: { type: 'integer', description: 'maximum: 9.' } },
                additionalProperties: false,
              },
              description: 'min items: 3; max items: 5.',
            },
            one: { type: 'array', minItems: 1, items: { type: 'string' } },
            when: { type: 'string', format: 'date' },
            odd: { type: 'string', description: 'format: iban.' },
            either: { anyOf: [{ type: 'string', description: 'pattern: ^a.' }, { $ref: '#/$defs/B' }] },
            map: {
              type: 'object',
              description: 'additional properties: {"type":"string"}.',
              additionalProperties: false,
            },
          },
          $defs: { B: { type: 'object', properties: {}, additionalProperties: false } },
          additionalProperties: false,
        },
      },
    });
  });

  it('(53) older models get a forced tool instead', () => {
    const { body, jsonTool } = request({ response_format: format({ description: 'A place' }) }, OLD_MODEL);
    expect(jsonTool).toBe('place');
    expect(body).not.toHaveProperty('output_config');
    expect(body['tools']).toEqual([{ name: 'place', description: 'A place', input_schema: SCHEMA }]);
    expect(body['tool_choice']).toEqual({ type: 'tool', name: 'place' });
  });

  it('(53) beside real tools the stand-in is one choice among them, and never takes a taken name', () => {
    const tools = [{ type: 'function', function: { name: 'place' } }];
    const mixed = request({ tools, response_format: format() }, OLD_MODEL);
    expect(mixed.jsonTool).toBe('place_answer');
    expect(mixed.body['tool_choice']).toEqual({ type: 'any' });
    expect(request({ tools, tool_choice: 'none', response_format: format() }, OLD_MODEL).body['tool_choice']).toEqual({
      type: 'tool',
      name: 'place_answer',
    });
    const forced = request({ tools, tool_choice: 'required', response_format: format() }, OLD_MODEL);
    expect(forced.jsonTool).toBeNull();
    expect(forced.body['tools']).toHaveLength(1);
    expect(request({ response_format: format({ name: 'bad name' }) }, OLD_MODEL).jsonTool).toBe('json_answer');
  });

  it('(53) a format without a usable schema is refused', () => {
    expect(paramOf({ response_format: { type: 'json_schema' } })).toBe('response_format.json_schema.schema');
    expect(paramOf({ response_format: format({ schema: { type: 'array' } }) }, OLD_MODEL)).toBe(
      'response_format.json_schema.schema',
    );
    expect(paramOf({ response_format: { type: 'grammar' } })).toBe('response_format.type');
  });

  it('(54) json_object becomes an instruction after the system prompt', () => {
    const messages = [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'Hi' },
    ];
    const system = request({ messages, response_format: { type: 'json_object' } }).body['system'] as { text: string }[];
    expect(system).toHaveLength(2);
    expect(system[0]?.text).toBe('S');
    expect(system[1]?.text).toContain('JSON object');
    expect(request({ response_format: { type: 'text' } }).body).not.toHaveProperty('system');
    expect(request({ response_format: null }).body).not.toHaveProperty('system');
  });

  it.each([
    ['minimal', 'low'],
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'xhigh'],
    ['max', 'max'],
  ])('(55) effort %s on an adaptive model is adaptive thinking with effort %s', (reasoning_effort, effort) => {
    const { body } = request({ reasoning_effort }, ADAPTIVE_MODEL);
    expect(body['thinking']).toEqual({ type: 'adaptive' });
    expect(body['output_config']).toEqual({ effort });
    expect(body['max_tokens']).toBe(4096);
  });

  it('(55) an effort the model does not have is lowered, with a warning', () => {
    const { body, warnings } = request({ reasoning_effort: 'xhigh' }, 'claude-opus-4-6');
    expect(body['output_config']).toEqual({ effort: 'high' });
    expect(warnings.join()).toContain('reasoning_effort');
  });

  it.each([
    ['minimal', 4096, 1024, 4096],
    ['medium', 20_000, 4096, 20_000],
    ['high', 4096, 3276, 4096],
    ['high', 100_000, 16_384, 100_000],
    ['high', 1000, 1024, 2024],
    ['low', 1, 1024, 1025],
  ])(
    '(55) effort %s with %i tokens on an older model is a budget of %i within %i',
    (reasoning_effort, max_tokens, budget, bound) => {
      const { body } = request({ reasoning_effort, max_tokens, temperature: 0.2 });
      expect(body['thinking']).toEqual({ type: 'enabled', budget_tokens: budget });
      expect(body['max_tokens']).toBe(bound);
      expect(budget).toBeGreaterThanOrEqual(1024);
      expect(budget).toBeLessThan(bound);
      expect(body).not.toHaveProperty('temperature');
    },
  );

  it('(55) none turns thinking off, models that never think drop it, models that always think use the least', () => {
    expect(request({ reasoning_effort: 'none' }).body['thinking']).toEqual({ type: 'disabled' });
    const old = request({ reasoning_effort: 'high', temperature: 0.2 }, OLD_MODEL);
    expect(old.body).not.toHaveProperty('thinking');
    expect(old.body['temperature']).toBe(0.2);
    expect(old.warnings.join()).toContain('reasoning_effort');
    expect(request({ reasoning_effort: 'none' }, OLD_MODEL).body).not.toHaveProperty('thinking');
    const always = request({ reasoning_effort: 'none' }, 'claude-fable-5').body;
    expect(always).not.toHaveProperty('thinking');
    expect(always['output_config']).toEqual({ effort: 'low' });
    expect(paramOf({ reasoning_effort: 'huge' })).toBe('reasoning_effort');
  });

  it('(55) a tool loop without thinking blocks cannot think with a budget', () => {
    const loop = (extra: JsonObject) => [
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
        ...extra,
      },
      { role: 'tool', tool_call_id: 'a', content: '1' },
    ];
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const bare = request({ messages: loop({}), tools, reasoning_effort: 'low', max_tokens: 500 });
    expect(bare.body).not.toHaveProperty('thinking');
    expect(bare.body['max_tokens']).toBe(500);
    expect(bare.warnings.join()).toContain('thinking blocks');
    const thinking_blocks = [{ type: 'thinking', thinking: 'T', signature: 's' }];
    expect(request({ messages: loop({ thinking_blocks }), tools, reasoning_effort: 'low' }).body).toHaveProperty(
      'thinking',
    );
    expect(request({ messages: loop({}), tools, reasoning_effort: 'low' }, ADAPTIVE_MODEL).body).toHaveProperty(
      'thinking',
    );
  });

  it('(56) stream passes, stream_options does not', () => {
    const { body, warnings } = request({ stream: true, stream_options: { include_usage: true } });
    expect(body['stream']).toBe(true);
    expect(body).not.toHaveProperty('stream_options');
    expect(warnings).toEqual([]);
    expect(request({ stream: false }).body).not.toHaveProperty('stream');
  });

  it.each([
    ['auto', 'auto'],
    ['priority', 'auto'],
    ['default', 'standard_only'],
    ['flex', undefined],
  ])('(57) service_tier %s becomes %s', (service_tier, expected) => {
    const { body, warnings } = request({ service_tier });
    expect(body['service_tier']).toBe(expected);
    expect(warnings.length).toBe(expected === undefined ? 1 : 0);
  });
});

describe('anthropicCapabilities', () => {
  const flags = (model: string) => {
    const { structuredOutputs, adaptiveThinking, samplingParameters, thinking, midConversationSystem } =
      anthropicCapabilities(model);
    return [structuredOutputs, adaptiveThinking, samplingParameters, thinking, midConversationSystem]
      .map(Number)
      .join('');
  };

  it.each([
    ['claude-2.1', '00100'],
    ['claude-3-opus-20240229', '00100'],
    ['claude-3-5-sonnet-latest', '00100'],
    ['claude-3-7-sonnet-20250219', '00110'],
    ['claude-sonnet-4-0', '00110'],
    ['claude-sonnet-4-20250514', '00110'],
    ['claude-opus-4-1-20250805', '10110'],
    ['claude-haiku-4-5-20251001', '10110'],
    ['anthropic.claude-sonnet-4-5-20250929-v1:0', '10110'],
    ['claude-opus-4-6', '11110'],
    ['claude-opus-4-7', '11010'],
    ['claude-opus-4-8-20260528', '11011'],
    ['claude-sonnet-5', '11011'],
    ['claude-opus-5@20260801', '11011'],
    ['claude-next', '11011'],
    ['llama-3', '00100'],
  ])(
    '%s: structured outputs, adaptive thinking, sampling, thinking, system in mid-conversation = %s',
    (model, expected) => {
      expect(flags(model)).toBe(expected);
    },
  );
});
