import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { toAnthropic } from './to-anthropic';

const OLD = 'claude-sonnet-4-5';
const NEW = 'claude-opus-4-8';

const translate = (messages: unknown[], extra: JsonObject = {}, model = OLD): JsonObject =>
  toAnthropic({ model: 'any', messages, ...extra } as unknown as ChatBody, { model, maxOutputTokens: 1000 }).body;

const turns = (messages: unknown[], model = OLD): unknown => translate(messages, {}, model)['messages'];

const call = (id: string, args = '{}', name = 'f') => ({ id, type: 'function', function: { name, arguments: args } });
const calls = (...ids: string[]) => ({ role: 'assistant', content: null, tool_calls: ids.map((id) => call(id)) });
const result = (id: string, content: unknown = 'ok') => ({ role: 'tool', tool_call_id: id, content });
const user = (content: unknown = 'Hi') => ({ role: 'user', content });
const text = (words: string) => ({ type: 'text', text: words });
const use = (id: string, input: unknown = {}, name = 'f') => ({ type: 'tool_use', id, name, input });

const refusal = (run: () => unknown): InvalidRequestError => {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidRequestError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
};

describe('messages to Anthropic', () => {
  it('(1) system and developer become separate system blocks, in order', () => {
    const body = translate([
      { role: 'system', content: 'One' },
      { role: 'developer', content: 'Two' },
      { role: 'system', content: 'Three' },
      user(),
    ]);
    expect(body['system']).toEqual([text('One'), text('Two'), text('Three')]);
    expect(body['messages']).toEqual([{ role: 'user', content: [text('Hi')] }]);
  });

  it('(2) system parts keep their cache_control', () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' };
    const body = translate([{ role: 'system', content: [text('A'), { ...text('B'), cache_control }] }, user()]);
    expect(body['system']).toEqual([text('A'), { ...text('B'), cache_control }]);
  });

  it.each(['', ' \n\t', [], [text('  ')]])('(3) a blank system %j is dropped', (content) => {
    expect(translate([{ role: 'system', content }, user()])).not.toHaveProperty('system');
  });

  it('(4) a system message in mid-conversation is hoisted where the model wants it first', () => {
    const body = translate([
      user('A'),
      { role: 'system', content: 'Be brief' },
      { role: 'assistant', content: 'B' },
      user('C'),
    ]);
    expect(body['system']).toEqual([text('Be brief')]);
    expect(body['messages']).toEqual([
      { role: 'user', content: [text('A')] },
      { role: 'assistant', content: [text('B')] },
      { role: 'user', content: [text('C')] },
    ]);
  });

  it('(4) it stays in place after a user turn on models that take it there, and is hoisted elsewhere', () => {
    const system = { role: 'system', content: 'Be brief' };
    expect(turns([user('A'), system, { role: 'assistant', content: 'B' }, user('C')], NEW)).toEqual([
      { role: 'user', content: [text('A')] },
      { role: 'system', content: [text('Be brief')] },
      { role: 'assistant', content: [text('B')] },
      { role: 'user', content: [text('C')] },
    ]);
    expect(turns([user('A'), system], NEW)).toHaveLength(2);
    const afterAssistant = translate([user('A'), { role: 'assistant', content: 'B' }, system, user('C')], {}, NEW);
    expect(afterAssistant['system']).toEqual([text('Be brief')]);
    expect(afterAssistant['messages']).toHaveLength(3);
  });

  it('(4) between calls and results it does not part them', () => {
    const body = translate([user(), calls('a'), { role: 'system', content: 'S' }, result('a')], {}, NEW);
    expect(body['system']).toEqual([text('S')]);
    expect(body['messages']).toMatchObject([{ role: 'user' }, { role: 'assistant' }, { role: 'user' }]);
  });

  it('(5) system alone gets a minimal user message', () => {
    expect(turns([{ role: 'system', content: 'S' }])).toEqual([{ role: 'user', content: [text('.')] }]);
  });

  it('(6) an assistant in the beginning gets a user message before it', () => {
    expect(turns([{ role: 'assistant', content: 'Hello' }, user()])).toEqual([
      { role: 'user', content: [text('.')] },
      { role: 'assistant', content: [text('Hello')] },
      { role: 'user', content: [text('Hi')] },
    ]);
  });

  it('(7) neighbours of one role merge', () => {
    expect(
      turns([user('A'), user('B'), { role: 'assistant', content: 'C' }, { role: 'assistant', content: 'D' }]),
    ).toEqual([
      { role: 'user', content: [text('A'), text('B')] },
      { role: 'assistant', content: [text('C'), text('D')] },
    ]);
  });

  it('(8, 9) tool results and the user message after them are one message, results first, order kept', () => {
    expect(turns([user(), calls('a', 'b'), result('b', '2'), result('a', '1'), user('Next')])).toEqual([
      { role: 'user', content: [text('Hi')] },
      { role: 'assistant', content: [use('a'), use('b')] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b', content: '2' },
          { type: 'tool_result', tool_use_id: 'a', content: '1' },
          text('Next'),
        ],
      },
    ]);
  });

  it('(10) results: strings stay, parts become blocks with images, empty content is left out', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const messages = turns([
      user(),
      calls('a', 'b', 'c', 'd'),
      result('a', 'text'),
      result('b', [text('T'), image]),
      result('c', ''),
      result('d', [text(' ')]),
    ]) as { content: unknown }[];
    expect(messages[2]?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'a', content: 'text' },
      {
        type: 'tool_result',
        tool_use_id: 'b',
        content: [text('T'), { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }],
      },
      { type: 'tool_result', tool_use_id: 'c' },
      { type: 'tool_result', tool_use_id: 'd' },
    ]);
  });

  it('(11) a result without a call becomes user text after the real results', () => {
    expect(turns([user(), calls('a'), result('ghost', 'boo'), result('a'), result('a', 'again')])).toMatchObject([
      {},
      {},
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: 'ok' },
          text('Result of tool call ghost:'),
          text('boo'),
          text('Result of tool call a:'),
          text('again'),
        ],
      },
    ]);
    expect(turns([result('ghost', 'boo')])).toEqual([
      { role: 'user', content: [text('Result of tool call ghost:'), text('boo')] },
    ]);
  });

  it('(12) tool_use with no result before the next message is refused naming the ids', () => {
    const cases = [
      [user(), calls('one', 'two'), result('one'), user('Next')],
      [user(), calls('one', 'two'), result('one')],
      [user(), calls('one', 'two'), result('one'), { role: 'assistant', content: 'x' }],
    ];
    for (const messages of cases) {
      const error = refusal(() => turns(messages));
      expect(error.message).toContain('"two"');
      expect(error.message).not.toContain('"one"');
      expect(error.status).toBe(400);
    }
  });

  it('(12, 7) calls of neighbouring assistant messages are answered together', () => {
    expect(turns([user(), calls('a'), calls('b'), result('a'), result('b')])).toMatchObject([
      {},
      { role: 'assistant', content: [use('a'), use('b')] },
      { role: 'user', content: [{ tool_use_id: 'a' }, { tool_use_id: 'b' }] },
    ]);
    expect(refusal(() => turns([user(), calls('a'), calls('b'), result('a')])).message).toContain('"b"');
  });

  it.each([null, '', undefined, '  '])('(13) content %j with calls leaves only tool_use blocks', (content) => {
    const messages = turns([user(), { role: 'assistant', content, tool_calls: [call('a')] }, result('a')]);
    expect(messages).toMatchObject([{}, { role: 'assistant', content: [use('a')] }, {}]);
  });

  it('(14) thinking first, then text, then tool_use; unsigned thinking is left out', () => {
    const thinking_blocks = [
      { type: 'thinking', thinking: 'Hm', signature: 'sig', cache_control: { type: 'ephemeral' } },
      { type: 'thinking', thinking: 'unsigned' },
      { type: 'redacted_thinking', data: 'xyz' },
    ];
    const messages = turns([
      user(),
      { role: 'assistant', content: 'T', tool_calls: [call('a')], thinking_blocks, reasoning_content: 'Hm' },
      result('a'),
    ]) as { content: unknown }[];
    expect(messages[1]?.content).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: 'sig' },
      { type: 'redacted_thinking', data: 'xyz' },
      text('T'),
      use('a'),
    ]);
  });

  it.each([
    ['', {}],
    [' ', {}],
    ['{"a":1}', { a: 1 }],
    ['{broken', { raw_arguments: '{broken' }],
    ['[1]', { raw_arguments: [1] }],
    ['"x"', { raw_arguments: 'x' }],
    ['null', { raw_arguments: null }],
    [undefined, {}],
  ])('(15) arguments %j become an object', (args, input) => {
    const messages = turns([
      user(),
      { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: args } }] },
      result('a'),
    ]) as { content: unknown }[];
    expect(messages[1]?.content).toEqual([use('a', input)]);
  });

  it('(16) a tool id used twice is refused, in one message or over several', () => {
    expect(refusal(() => turns([user(), calls('a', 'a'), result('a')])).message).toContain('"a"');
    expect(refusal(() => turns([user(), calls('a'), result('a'), calls('a'), result('a')])).param).toBe(
      'messages[3].tool_calls[0].id',
    );
  });

  it('(16) ids with characters the API does not take are replaced, alike in call and result, and stay distinct', () => {
    expect(turns([user(), calls('f.x:0', 'f_x_0'), result('f_x_0', 'B'), result('f.x:0', 'A')])).toMatchObject([
      {},
      { content: [use('f_x_0'), use('f_x_0_2')] },
      {
        content: [
          { tool_use_id: 'f_x_0_2', content: 'B' },
          { tool_use_id: 'f_x_0', content: 'A' },
        ],
      },
    ]);
  });

  it('(17) blank text parts go, and so does a message left empty', () => {
    expect(turns([user([text(''), text('A'), text(' \n')]), { role: 'assistant', content: ' ' }, user('B')])).toEqual([
      { role: 'user', content: [text('A'), text('B')] },
    ]);
    expect(turns([user('')])).toEqual([{ role: 'user', content: [text('.')] }]);
  });

  it('(18) trailing whitespace goes from a final assistant message only', () => {
    expect(
      turns([user('A '), { role: 'assistant', content: 'B \n' }, user('C'), { role: 'assistant', content: 'D: \n' }]),
    ).toEqual([
      { role: 'user', content: [text('A ')] },
      { role: 'assistant', content: [text('B \n')] },
      { role: 'user', content: [text('C')] },
      { role: 'assistant', content: [text('D:')] },
    ]);
  });

  it('(19) name is dropped', () => {
    expect(turns([{ ...user(), name: 'Ann' }])).toEqual([{ role: 'user', content: [text('Hi')] }]);
  });

  it('(20) a refusal becomes text', () => {
    expect(turns([user(), { role: 'assistant', content: null, refusal: 'No.' }, user()])).toMatchObject([
      {},
      { role: 'assistant', content: [text('No.')] },
      {},
    ]);
    expect(
      turns([user(), { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] }, user()]),
    ).toMatchObject([{}, { role: 'assistant', content: [text('No.')] }, {}]);
  });

  it('(21) the legacy functions API is refused with the way out', () => {
    const cases: [unknown[], JsonObject, string][] = [
      [[user(), { role: 'function', name: 'f', content: '1' }], {}, 'messages[1].role'],
      [
        [user(), { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }],
        {},
        'messages[1].function_call',
      ],
      [[user()], { functions: [{ name: 'f' }] }, 'functions'],
      [[user()], { function_call: 'auto' }, 'function_call'],
    ];
    for (const [messages, extra, param] of cases) {
      const error = refusal(() => translate(messages, extra));
      expect(error.param).toBe(param);
      expect(error.message).toContain('tool');
    }
    expect(() =>
      translate([user(), { role: 'assistant', content: 'x', function_call: null }, user()], { functions: [] }),
    ).not.toThrow();
  });

  it('(22) unicode, lone surrogates and long prompts survive', () => {
    const words = `é漢字👩‍👩‍👧 \ud800 ${'x'.repeat(1_048_576)}\u0000`;
    expect(turns([user(words)])).toEqual([{ role: 'user', content: [text(words)] }]);
  });

  it.each([
    [undefined, 'messages'],
    [[], 'messages'],
    [['hi'], 'messages[0]'],
    [[{ role: 'wizard', content: 'x' }], 'messages[0].role'],
    [[user(42)], 'messages[0].content'],
    [[user([{ type: 'text' }])], 'messages[0].content[0].text'],
    [[{ role: 'tool', content: 'x' }], 'messages[0].tool_call_id'],
    [
      [user(), { role: 'assistant', tool_calls: [{ type: 'function', function: { name: 'f' } }] }],
      'messages[1].tool_calls[0].id',
    ],
    [
      [user(), { role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: {} }] }],
      'messages[1].tool_calls[0].type',
    ],
    [
      [user(), { role: 'assistant', tool_calls: [{ id: 'a', function: {} }] }],
      'messages[1].tool_calls[0].function.name',
    ],
    [[user(), { role: 'assistant', audio: { id: 'x' } }], 'messages[1].audio'],
    [
      [user(), { role: 'assistant', content: [{ type: 'image_url', image_url: { url: 'https://e.com' } }] }],
      'messages[1].content[0]',
    ],
  ])('refuses %j at %s', (messages, param) => {
    expect(refusal(() => translate(messages as unknown[])).param).toBe(param);
  });

  it('a tool name that no tool may have is mended in the history', () => {
    expect(
      turns([user(), { role: 'assistant', tool_calls: [call('a', '{}', 'functions.get')] }, result('a')]),
    ).toMatchObject([{}, { content: [use('a', {}, 'functions_get')] }, {}]);
  });

  it('does not change the body it is given', () => {
    const body = {
      model: 'm',
      messages: [
        { role: 'system', content: [{ ...text('S'), cache_control: { type: 'ephemeral' } }] },
        user([{ type: 'image', source: { type: 'file', file_id: 'file_1' }, cache_control: { type: 'ephemeral' } }]),
        calls('a'),
        result('a', [{ ...text('T'), cache_control: { type: 'ephemeral' } }]),
        ...['1', '2', '3'].map((words) => user([{ ...text(words), cache_control: { type: 'ephemeral' } }])),
      ],
      tools: [{ type: 'web_search_20250305', name: 'web_search', cache_control: { type: 'ephemeral' } }],
    };
    const before = structuredClone(body);
    toAnthropic(body as unknown as ChatBody, { model: OLD, maxOutputTokens: 10 });
    expect(body).toEqual(before);
  });
});
