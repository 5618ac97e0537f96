import type { JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { toCanonical } from './to-canonical';

const user = (content: unknown = 'Hi') => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });
const text = (words: string) => ({ type: 'text', text: words });
const use = (id: string, input: unknown = {}) => ({ type: 'tool_use', id, name: 'f', input });
const result = (tool_use_id: string, content?: unknown, extra: JsonObject = {}) => ({
  type: 'tool_result',
  tool_use_id,
  content,
  ...extra,
});
const translate = (extra: JsonObject = {}): JsonObject =>
  toCanonical({ model: 'm', max_tokens: 10, messages: [user()], ...extra });
const messages = (...list: unknown[]): unknown => translate({ messages: list })['messages'];
const paramOf = (extra: JsonObject): string | null => {
  try {
    translate(extra);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.param;
  }
  throw new Error('It was not refused.');
};
const TOOL = { name: 'f', description: 'F', input_schema: { type: 'object', properties: { a: { type: 'string' } } } };

describe('Messages request to canonical', () => {
  it('says no more than was asked', () => {
    expect(translate()).toEqual({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], max_completion_tokens: 10 });
  });

  it('(101) system as string or blocks becomes a system message', () => {
    const first = (system: unknown) => (translate({ system })['messages'] as unknown[])[0];
    expect(first('S')).toEqual({ role: 'system', content: 'S' });
    expect(first([{ ...text('S'), cache_control: { type: 'ephemeral' } }])).toEqual({ role: 'system', content: 'S' });
    expect(first([text('A'), text('B')])).toEqual({ role: 'system', content: [text('A'), text('B')] });
    for (const nothing of ['', [], [text('')], undefined, null]) expect(first(nothing)).toMatchObject({ role: 'user' });
    expect(messages(user('A'), { role: 'system', content: 'S' }, assistant('B'), user('C'))).toMatchObject([
      { role: 'user' },
      { role: 'system', content: 'S' },
      { role: 'assistant' },
      { role: 'user' },
    ]);
  });

  it('(102, 103) tool results become tool messages directly after the calls, the rest follows', () => {
    expect(
      messages(
        user(),
        assistant([text('Let me '), text('see'), use('a', { x: 1 }), use('b')]),
        user([text('And then?'), result('a', 'A'), result('b', [text('B1'), text('B2')])]),
      ),
    ).toEqual([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: 'Let me see',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
          { id: 'b', type: 'function', function: { name: 'f', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'A' },
      { role: 'tool', tool_call_id: 'b', content: 'B1\nB2' },
      { role: 'user', content: 'And then?' },
    ]);
    expect(messages(user(), assistant([use('a')]), user([result('a')]))).toMatchObject([
      {},
      { role: 'assistant', content: null },
      { role: 'tool', content: '' },
    ]);
  });

  it('(102) images in results move to a user message after all of them, errors are marked', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
    expect(
      messages(
        user(),
        assistant([use('a'), use('b')]),
        user([result('a', [text('see'), image]), result('b', 'boom', { is_error: true })]),
      ),
    ).toMatchObject([
      {},
      {},
      { role: 'tool', tool_call_id: 'a', content: 'see' },
      { role: 'tool', tool_call_id: 'b', content: 'Error: boom' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'From the result of tool call a:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
    ]);
  });

  it('(102) neighbours of one role are joined where calls or results are among them', () => {
    expect(
      messages(
        user('A'),
        user('B'),
        assistant([use('a')]),
        assistant([use('b')]),
        user([result('a', '1')]),
        user([result('b', '2')]),
      ),
    ).toMatchObject([
      { role: 'user', content: 'A' },
      { role: 'user', content: 'B' },
      { role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'b' }] },
      { role: 'tool', tool_call_id: 'a' },
      { role: 'tool', tool_call_id: 'b' },
    ]);
  });

  it('(104) thinking and server tools of earlier answers are dropped, their text stays', () => {
    expect(
      messages(
        user(),
        assistant([
          { type: 'thinking', thinking: 'Hm', signature: 's' },
          { type: 'redacted_thinking', data: 'x' },
          text('A'),
          { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
          { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
          text('B'),
        ]),
        assistant([{ type: 'thinking', thinking: 'only', signature: 's' }]),
        user(),
      ),
    ).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'AB' },
      { role: 'user', content: 'Hi' },
    ]);
  });

  it('images and documents become parts', () => {
    const parts = (block: JsonObject) =>
      (messages(user([text('Look'), block])) as { content: unknown[] }[])[0]?.content.slice(1);
    const document = (source: JsonObject, extra: JsonObject = {}) => ({ type: 'document', source, ...extra });
    expect(parts({ type: 'image', source: { type: 'url', url: 'https://e.com/a.png' } })).toEqual([
      { type: 'image_url', image_url: { url: 'https://e.com/a.png' } },
    ]);
    expect(
      parts(document({ type: 'base64', media_type: 'application/pdf', data: 'JVBE' }, { title: 'a.pdf' })),
    ).toEqual([{ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' } }]);
    expect(parts(document({ type: 'url', url: 'https://e.com/a.pdf' }))).toEqual([
      { type: 'file', file: { filename: 'document.pdf', file_data: 'https://e.com/a.pdf' } },
    ]);
    expect(parts(document({ type: 'text', media_type: 'text/plain', data: 'Words' }, { title: 'T' }))).toEqual([
      text('T\n\nWords'),
    ]);
    expect(parts(document({ type: 'content', content: [text('C')] }))).toEqual([text('C')]);
    expect(parts({ type: 'search_result', title: 'T', source: 'https://e.com', content: [text('S')] })).toEqual([
      text('T (https://e.com)\nS'),
    ]);
    expect(paramOf({ messages: [user([{ type: 'image', source: { type: 'file', file_id: 'file_1' } }])] })).toBe(
      'messages[0].content[0].source.file_id',
    );
    expect(paramOf({ messages: [user([document({ type: 'file', file_id: 'file_1' })])] })).toBe(
      'messages[0].content[0].source.file_id',
    );
  });

  it('tools become functions', () => {
    expect(
      translate({
        tools: [TOOL, { type: 'custom', name: 'g', input_schema: {}, strict: true, cache_control: {} }, { name: 'h' }],
      })['tools'],
    ).toEqual([
      { type: 'function', function: { name: 'f', description: 'F', parameters: TOOL.input_schema } },
      { type: 'function', function: { name: 'g', parameters: {}, strict: true } },
      { type: 'function', function: { name: 'h', parameters: { type: 'object', properties: {} } } },
    ]);
    expect(translate({ tools: [] })).not.toHaveProperty('tools');
  });

  it('tool search is left out, as all tools are sent', () => {
    const search = { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' };
    expect(translate({ tools: [search, { ...TOOL, defer_loading: true }] })['tools']).toHaveLength(1);
    expect(translate({ tools: [search], tool_choice: { type: 'auto' } })).not.toHaveProperty('tool_choice');
  });

  it.each([
    [{ type: 'auto' }, 'auto', undefined],
    [{ type: 'any' }, 'required', undefined],
    [{ type: 'none' }, 'none', undefined],
    [{ type: 'tool', name: 'f' }, { type: 'function', function: { name: 'f' } }, undefined],
    [{ type: 'any', disable_parallel_tool_use: true }, 'required', false],
    [{ type: 'auto', disable_parallel_tool_use: false }, 'auto', undefined],
  ])('(105) tool_choice %j becomes %j, parallel %j', (tool_choice, expected, parallel) => {
    const body = translate({ tools: [TOOL], tool_choice });
    expect(body['tool_choice']).toEqual(expected);
    expect(body['parallel_tool_calls']).toBe(parallel);
    expect(translate({ tool_choice })).not.toHaveProperty('tool_choice');
  });

  it('(106) max_tokens becomes max_completion_tokens', () => {
    const body = translate({ max_tokens: 99 });
    expect(body['max_completion_tokens']).toBe(99);
    expect(body).not.toHaveProperty('max_tokens');
    for (const bad of [0, 1.5, '9']) expect(paramOf({ max_tokens: bad })).toBe('max_tokens');
  });

  it('(107) stop_sequences become stop, four at the most', () => {
    expect(translate({ stop_sequences: ['a', '', 'b', 'c', 'd', 'e'] })['stop']).toEqual(['a', 'b', 'c', 'd']);
    expect(translate({ stop_sequences: [] })).not.toHaveProperty('stop');
    expect(paramOf({ stop_sequences: 'a' })).toBe('stop_sequences');
  });

  it('sampling, user, tier and stream have their counterparts; what only shapes cost or speed is left out', () => {
    const body = translate({
      temperature: 0.4,
      top_p: 0.9,
      top_k: 5,
      metadata: { user_id: 'u1' },
      service_tier: 'standard_only',
      stream: true,
      context_management: { edits: [] },
      cache_control: { type: 'ephemeral' },
    });
    expect(body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      max_completion_tokens: 10,
      temperature: 0.4,
      top_p: 0.9,
      user: 'u1',
      service_tier: 'default',
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(translate({ metadata: { user_id: 'x'.repeat(65) } })).not.toHaveProperty('user');
    expect(paramOf({ temperature: 1.5 })).toBe('temperature');
  });

  it('output formats become response_format, strict where OpenAI can enforce the schema', () => {
    const closed = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    };
    const open = { type: 'object', properties: { a: { type: 'string' } } };
    const format = (schema: unknown) =>
      translate({ output_config: { format: { type: 'json_schema', schema } } })['response_format'];
    expect(format(closed)).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', schema: closed, strict: true },
    });
    expect(format(open)).toEqual({ type: 'json_schema', json_schema: { name: 'answer', schema: open } });
    expect(format({ ...closed, properties: { a: open } })).not.toMatchObject({ json_schema: { strict: true } });
    expect(translate({ output_format: { type: 'json_schema', schema: closed } })).toHaveProperty('response_format');
    expect(paramOf({ output_config: { format: { type: 'xml' } } })).toBe('output_config.format');
  });

  it.each([
    [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, 'low'],
    [{ thinking: { type: 'enabled', budget_tokens: 4096 } }, 'medium'],
    [{ thinking: { type: 'enabled', budget_tokens: 31_999 } }, 'high'],
    [{ thinking: { type: 'adaptive' } }, undefined],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'medium' } }, 'medium'],
    [{ output_config: { effort: 'max' } }, 'high'],
    [{ thinking: { type: 'disabled' }, output_config: { effort: 'high' } }, undefined],
  ])('thinking %j becomes reasoning_effort %j', (extra, effort) => {
    expect(translate(extra)['reasoning_effort']).toBe(effort);
  });

  it('(112) server tools, MCP servers, containers and uploads are refused with the way out', () => {
    expect(paramOf({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] })).toBe('tools[0].type');
    expect(paramOf({ tools: [{ type: 'bash_20250124', name: 'bash' }] })).toBe('tools[0].type');
    expect(paramOf({ mcp_servers: [{ type: 'url', url: 'https://e.com', name: 'x' }] })).toBe('mcp_servers');
    expect(paramOf({ container: 'c' })).toBe('container');
    expect(paramOf({ messages: [user([{ type: 'container_upload', file_id: 'f' }])] })).toBe(
      'messages[0].content[0].type',
    );
    expect(translate({ mcp_servers: [], container: null })).toHaveProperty('messages');
  });

  it.each([
    [{ messages: [] }, 'messages'],
    [{ messages: 'x' }, 'messages'],
    [{ messages: [1] }, 'messages[0]'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [user(5)] }, 'messages[0].content'],
    [{ messages: [user([{ type: 'text' }])] }, 'messages[0].content[0].text'],
    [{ messages: [user([{ type: 'image', source: {} }])] }, 'messages[0].content[0].source.type'],
    [
      { messages: [user([{ type: 'image', source: { type: 'base64', data: 'x' } }])] },
      'messages[0].content[0].source.media_type',
    ],
    [{ messages: [user([result(undefined as unknown as string)])] }, 'messages[0].content[0].tool_use_id'],
    [{ messages: [user(), assistant([{ type: 'tool_use', id: 'a' }])] }, 'messages[1].content[0].name'],
    [{ tools: {} }, 'tools'],
    [{ tools: [TOOL], tool_choice: { type: 'maybe' } }, 'tool_choice.type'],
    [{ tools: [{ input_schema: {} }] }, 'tools[0].name'],
    [{ model: 5 }, 'model'],
  ])('refuses %j at %s', (extra, param) => {
    expect(paramOf(extra)).toBe(param);
  });
});
