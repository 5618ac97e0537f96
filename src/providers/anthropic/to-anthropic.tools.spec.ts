import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { toAnthropic, type AnthropicRequest } from './to-anthropic';

const MODEL = 'claude-sonnet-4-5';
const HELLO = [{ role: 'user', content: 'Hi' }];

const request = (extra: JsonObject, model = MODEL, messages: unknown[] = HELLO): AnthropicRequest =>
  toAnthropic({ model: 'm', messages, ...extra } as unknown as ChatBody, { model, maxOutputTokens: 8000 });
const fn = (name: string, extra: JsonObject = {}) => ({ type: 'function', function: { name, ...extra } });
const EMPTY = { type: 'object', properties: {} };

const paramOf = (extra: JsonObject, model = MODEL): string | null => {
  try {
    request(extra, model);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.param;
  }
  throw new Error('It was not refused.');
};

describe('tools to Anthropic', () => {
  it.each([
    [undefined, EMPTY],
    [{}, EMPTY],
    [{ properties: { a: { type: 'string' } } }, { properties: { a: { type: 'string' } }, type: 'object' }],
    [{ type: ['object', 'null'], properties: {} }, EMPTY],
  ])('(32) parameters %j become an object schema', (parameters, schema) => {
    expect(request({ tools: [fn('f', { parameters })] }).body['tools']).toEqual([{ name: 'f', input_schema: schema }]);
  });

  it('(32) everything else in the schema is kept, property order included', () => {
    const parameters = {
      type: 'object',
      properties: {
        z: { $ref: '#/$defs/Z' },
        a: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        m: { type: 'number', minimum: 3 },
      },
      required: ['z'],
      additionalProperties: false,
      $defs: { Z: { type: 'string', enum: ['x'] } },
    };
    const [tool] = request({ tools: [fn('f', { parameters })] }).body['tools'] as JsonObject[];
    expect(JSON.stringify(tool?.['input_schema'])).toBe(JSON.stringify(parameters));
  });

  it('(32) a schema that is no object is refused', () => {
    expect(paramOf({ tools: [fn('f', { parameters: { type: 'array' } })] })).toBe('tools[0].function.parameters');
  });

  it('(33) an absent description stays absent', () => {
    expect(request({ tools: [fn('f'), fn('g', { description: 'G' })] }).body['tools']).toEqual([
      { name: 'f', input_schema: EMPTY },
      { name: 'g', description: 'G', input_schema: EMPTY },
    ]);
  });

  it('(34) strict passes where the model can, and is dropped with a word where not', () => {
    const tools = [
      fn('f', { strict: true, parameters: { type: 'object', properties: { n: { type: 'integer', minimum: 1 } } } }),
    ];
    expect(request({ tools }).body['tools']).toEqual([
      {
        name: 'f',
        input_schema: {
          type: 'object',
          properties: { n: { type: 'integer', description: 'minimum: 1.' } },
          additionalProperties: false,
        },
        strict: true,
      },
    ]);
    const old = request({ tools }, 'claude-3-5-haiku-20241022');
    expect(old.body['tools']).not.toMatchObject([{ strict: true }]);
    expect(old.warnings.join()).toContain('strict');
    expect(request({ tools: [fn('f', { strict: false })] }).body['tools']).toEqual([
      { name: 'f', input_schema: EMPTY },
    ]);
  });

  it('(35) invalid and repeated names are refused', () => {
    for (const name of ['', 'a b', 'ü', 'x'.repeat(129)])
      expect(paramOf({ tools: [fn(name)] })).toBe('tools[0].function.name');
    expect(paramOf({ tools: [fn('f'), fn('g'), fn('f')] })).toBe('tools');
    expect(request({ tools: [fn('x'.repeat(128))] }).body['tools']).toHaveLength(1);
  });

  it('(36) Anthropic’s own tools pass, others are refused by name', () => {
    const native = [
      { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
      { type: 'bash_20250124', name: 'bash' },
      { name: 'plain', input_schema: EMPTY },
    ];
    expect(request({ tools: native }).body['tools']).toEqual(native);
    expect(paramOf({ tools: [{ type: 'custom', custom: { name: 'c' } }] })).toBe('tools[0].type');
    expect(paramOf({ tools: [{ type: 'web_search_preview' }] })).toBe('tools[0].type');
    expect(paramOf({ tools: ['f'] })).toBe('tools[0]');
  });

  it.each([
    ['auto', { type: 'auto' }],
    ['required', { type: 'any' }],
    ['none', { type: 'none' }],
    [
      { type: 'function', function: { name: 'f' } },
      { type: 'tool', name: 'f' },
    ],
  ])('(37) tool_choice %j becomes %j', (tool_choice, expected) => {
    expect(request({ tools: [fn('f')], tool_choice }).body['tool_choice']).toEqual(expected);
  });

  it('(37) no choice stays none; nonsense and unknown functions are refused', () => {
    expect(request({ tools: [fn('f')] }).body).not.toHaveProperty('tool_choice');
    expect(paramOf({ tools: [fn('f')], tool_choice: 'maybe' })).toBe('tool_choice');
    expect(paramOf({ tools: [fn('f')], tool_choice: { type: 'custom' } })).toBe('tool_choice');
    expect(paramOf({ tools: [fn('f')], tool_choice: { type: 'function', function: { name: 'g' } } })).toBe(
      'tool_choice.function.name',
    );
  });

  it('(38) allowed_tools shortens the list and keeps its mode', () => {
    const allowed = (mode: string, ...names: string[]) => ({
      type: 'allowed_tools',
      allowed_tools: { mode, tools: names.map((name) => fn(name)) },
    });
    const tools = [fn('f'), fn('g'), fn('h')];
    const auto = request({ tools, tool_choice: allowed('auto', 'h', 'f') }).body;
    expect((auto['tools'] as JsonObject[]).map(({ name }) => name)).toEqual(['f', 'h']);
    expect(auto['tool_choice']).toEqual({ type: 'auto' });
    expect(request({ tools, tool_choice: allowed('required', 'g') }).body['tool_choice']).toEqual({ type: 'any' });
    expect(paramOf({ tools, tool_choice: allowed('auto', 'nope') })).toBe('tool_choice.allowed_tools');
    expect(paramOf({ tools, tool_choice: allowed('auto') })).toBe('tool_choice');
  });

  it('(39) parallel_tool_calls false disables parallel use, true says nothing', () => {
    const tools = [fn('f')];
    const choice = (extra: JsonObject) => request({ tools, ...extra }).body['tool_choice'];
    expect(choice({ parallel_tool_calls: false })).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(choice({ parallel_tool_calls: false, tool_choice: 'required' })).toEqual({
      type: 'any',
      disable_parallel_tool_use: true,
    });
    expect(choice({ parallel_tool_calls: false, tool_choice: 'none' })).toEqual({ type: 'none' });
    expect(choice({ parallel_tool_calls: true })).toBeUndefined();
    expect(request({ parallel_tool_calls: false }).body).not.toHaveProperty('tool_choice');
  });

  it('(40) a choice without tools is dropped when it is a wish and refused when it is a demand', () => {
    const wish = request({ tool_choice: 'auto' });
    expect(wish.body).not.toHaveProperty('tool_choice');
    expect(wish.warnings.join()).toContain('tool_choice');
    expect(request({ tool_choice: 'none' }).body).not.toHaveProperty('tool_choice');
    expect(paramOf({ tool_choice: 'required' })).toBe('tool_choice');
    expect(paramOf({ tools: [], tool_choice: { type: 'function', function: { name: 'f' } } })).toBe('tool_choice');
  });

  it('(41) an empty list of tools is dropped', () => {
    expect(request({ tools: [] }).body).not.toHaveProperty('tools');
    expect(request({ tools: null }).body).not.toHaveProperty('tools');
  });

  it('(42) a history with calls but no tools gets stubs that may not be called', () => {
    const history = [
      ...HELLO,
      { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 'a', content: '1' },
    ];
    const { body } = request({}, MODEL, history);
    expect(body['tools']).toEqual([{ name: 'f', input_schema: EMPTY }]);
    expect(body['tool_choice']).toEqual({ type: 'none' });
    expect(request({ tools: [fn('g')] }, MODEL, history).body['tools']).toEqual([{ name: 'g', input_schema: EMPTY }]);
  });

  it('(43) a forced tool takes the thinking away, with a word', () => {
    for (const extra of [{ reasoning_effort: 'high' }, { thinking: { type: 'enabled', budget_tokens: 2000 } }]) {
      for (const tool_choice of ['required', { type: 'function', function: { name: 'f' } }]) {
        const forced = request({ tools: [fn('f')], tool_choice, ...extra });
        expect(forced.body).not.toHaveProperty('thinking');
        expect(forced.warnings.join()).toContain('forced tool');
      }
      expect(request({ tools: [fn('f')], tool_choice: 'auto', ...extra }).body).toHaveProperty('thinking');
    }
  });

  it('(43) a model that takes no forced tool says so before the call', () => {
    expect(paramOf({ tools: [fn('f')], tool_choice: 'required' }, 'claude-opus-5-5')).toBe('tool_choice');
    expect(request({ tools: [fn('f')], tool_choice: 'auto' }, 'claude-opus-5-5').body['tool_choice']).toEqual({
      type: 'auto',
    });
  });

  it('(58) web_search_options become the web search tool', () => {
    const user_location = { type: 'approximate', approximate: { country: 'DE', city: 'Berlin', zip: '1' } };
    expect(request({ web_search_options: { search_context_size: 'low', user_location } }).body['tools']).toEqual([
      {
        type: 'web_search_20250305',
        name: 'web_search',
        max_uses: 1,
        user_location: { type: 'approximate', city: 'Berlin', country: 'DE' },
      },
    ]);
    expect(request({ web_search_options: {} }).body['tools']).toMatchObject([{ max_uses: 5 }]);
    expect(paramOf({ tools: [fn('web_search')], web_search_options: {} })).toBe('tools');
  });

  it('(60) cache breakpoints are kept on tools, parts and results, four at the most, the last ones', () => {
    const cache_control = { type: 'ephemeral' };
    const part = (text: string) => ({ type: 'text', text, cache_control });
    const few = request({ tools: [{ ...fn('f'), cache_control }] }, MODEL, [
      { role: 'user', content: [part('A')] },
      { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
      { role: 'tool', tool_call_id: 'a', content: 'x', cache_control },
      { role: 'user', content: 'C', cache_control },
    ]);
    expect(JSON.stringify(few.body).match(/cache_control/g)).toHaveLength(4);
    expect(few.body['messages']).toMatchObject([
      { content: [{ cache_control }] },
      {},
      {
        content: [
          { type: 'tool_result', cache_control },
          { text: 'C', cache_control },
        ],
      },
    ]);
    const many = request({ tools: [{ ...fn('f'), cache_control }] }, MODEL, [
      { role: 'system', content: [part('S')] },
      { role: 'user', content: [part('A'), part('B'), part('C')] },
    ]);
    expect(JSON.stringify(many.body).match(/cache_control/g)).toHaveLength(4);
    expect(many.body['tools']).toEqual([{ name: 'f', input_schema: EMPTY }]);
    expect(many.warnings.join()).toContain('cache_control');
  });
});
