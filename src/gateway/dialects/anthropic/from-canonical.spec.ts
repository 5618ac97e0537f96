import type { ChatCompletion, JsonObject } from '../../../core/chat';
import { fromCompletion } from './from-canonical';

const completion = (message: JsonObject, finish_reason = 'stop', extra: JsonObject = {}): ChatCompletion => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }],
  usage: { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107, prompt_tokens_details: { cached_tokens: 60 } },
  ...extra,
});
const content = (message: JsonObject): unknown => fromCompletion(completion(message), 'asked')['content'];
const call = (id: string, args: unknown = '{"a":1}') => ({
  id,
  type: 'function',
  function: { name: 'f', arguments: args },
});

describe('completion to a Messages answer', () => {
  it('is an Anthropic message, input counted without what came from the cache', () => {
    expect(fromCompletion(completion({ content: 'Hi' }), 'asked')).toEqual({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'gpt-4o-2024-08-06',
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 40, cache_creation_input_tokens: 0, cache_read_input_tokens: 60, output_tokens: 7 },
    });
    expect(fromCompletion(completion({ content: 'Hi' }, 'stop', { model: '' }), 'asked')['model']).toBe('asked');
  });

  it('reasoning comes first, then text, then tool calls', () => {
    expect(content({ content: 'Hi', reasoning_content: 'Hm', tool_calls: [call('a')] })).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: '' },
      { type: 'text', text: 'Hi' },
      { type: 'tool_use', id: 'a', name: 'f', input: { a: 1 } },
    ]);
    expect(content({ content: null, reasoning: 'R' })).toMatchObject([{ type: 'thinking', thinking: 'R' }]);
    expect(
      content({
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'T' }] },
          { type: 'text', text: 'X' },
        ],
      }),
    ).toMatchObject([
      { type: 'thinking', thinking: 'T' },
      { type: 'text', text: 'X' },
    ]);
  });

  it.each([
    ['', {}],
    ['{}', {}],
    ['{broken', { raw_arguments: '{broken' }],
    ['[1]', { raw_arguments: [1] }],
    [{ a: 1 }, { a: 1 }],
    [undefined, {}],
  ])('arguments %j become the object %j', (args, input) => {
    expect(content({ tool_calls: [{ id: 'a', function: { name: 'f', arguments: args } }] })).toEqual([
      { type: 'tool_use', id: 'a', name: 'f', input },
    ]);
  });

  it('(91) calls without ids get distinct ones; the legacy function call is a tool call', () => {
    expect(content({ tool_calls: [call(''), call('')] })).toMatchObject([
      { id: 'toolu_gateway_0' },
      { id: 'toolu_gateway_1' },
    ]);
    expect(content({ content: null, function_call: { name: 'f', arguments: '{}' } })).toMatchObject([
      { type: 'tool_use', name: 'f' },
    ]);
  });

  it.each([
    ['stop', false, 'end_turn'],
    ['stop', true, 'tool_use'],
    ['tool_calls', true, 'tool_use'],
    ['tool_calls', false, 'end_turn'],
    ['function_call', true, 'tool_use'],
    ['length', true, 'max_tokens'],
    ['length', false, 'max_tokens'],
    ['content_filter', true, 'refusal'],
    ['eos', false, 'end_turn'],
    ['', true, 'tool_use'],
  ])('(109) finish %s, with tool calls %s, is %s and no stop sequence', (finish, hasTools, expected) => {
    const message = hasTools ? { content: null, tool_calls: [call('a')] } : { content: 'x' };
    const answer = fromCompletion(completion(message, finish), 'asked');
    expect(answer['stop_reason']).toBe(expected);
    expect(answer['stop_sequence']).toBeNull();
  });

  it('(109) a refusal is told as text and as stop reason', () => {
    const answer = fromCompletion(completion({ content: null, refusal: 'No.' }), 'asked');
    expect(answer).toMatchObject({ content: [{ type: 'text', text: 'No.' }], stop_reason: 'refusal' });
  });

  it('cache writes of a translated answer come back out of the input', () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 60 },
      cache_creation_input_tokens: 30,
    };
    expect(fromCompletion(completion({ content: 'x' }, 'stop', { usage }), 'm')['usage']).toEqual({
      input_tokens: 10,
      cache_creation_input_tokens: 30,
      cache_read_input_tokens: 60,
      output_tokens: 1,
    });
    expect(fromCompletion(completion({ content: 'x' }, 'stop', { usage: null }), 'm')['usage']).toMatchObject({
      input_tokens: 0,
    });
  });

  it('an answer without choices or content is an empty message', () => {
    expect(fromCompletion({ ...completion({}), choices: [] }, 'm')).toMatchObject({
      content: [],
      stop_reason: 'end_turn',
    });
    expect(content({ content: '' })).toEqual([]);
  });
});
