import type { JsonObject } from './loose-json';
import { strictAnthropicProblem } from './strict-anthropic';
import { strictOpenAiProblem } from './strict-openai';

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });
const use = (id: string) => ({ type: 'tool_use', id, name: 'f', input: {} });
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
const tool = (name: string) => ({ name, input_schema: { type: 'object' } });
const cached = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } };

describe('strict mode for Anthropic', () => {
  const base = { model: 'claude-sonnet-4-6', max_tokens: 2000, messages: [user('Hi')] };

  it.each<[string, JsonObject, string | null]>([
    ['a plain request', {}, null],
    ['neighbours of one role', { messages: [user('a'), user('b')] }, null],
    ['an answered call', { messages: [user('a'), assistant([use('t1')]), user([result('t1')])] }, null],
    [
      'results in two messages of one turn',
      { messages: [user('a'), assistant([use('t1'), use('t2')]), user([result('t1')]), user([result('t2')])] },
      null,
    ],
    [
      'a system message inside, on a model that has it',
      { model: 'claude-opus-4-8', messages: [user('a'), { role: 'system', content: 'b' }] },
      null,
    ],
    ['no max_tokens', { max_tokens: undefined }, 'max_tokens: Field required'],
    ['an OpenAI field', { stream_options: {} }, 'stream_options: Extra inputs are not permitted'],
    [
      'a field of a message',
      { messages: [{ ...user('a'), name: 'Bo' }] },
      'messages.0.name: Extra inputs are not permitted',
    ],
    ['a high temperature', { temperature: 1.2 }, 'temperature: Input should be less than or equal to 1'],
    ['no messages', { messages: [] }, 'messages: at least one message is required'],
    ['the assistant first', { messages: [assistant('a')] }, 'messages: first message must use the "user" role'],
    [
      'a system message',
      { messages: [{ role: 'system', content: 'a' }] },
      'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.',
    ],
    [
      'an empty text',
      { messages: [user([{ type: 'text', text: '' }])] },
      'messages: text content blocks must be non-empty',
    ],
    [
      'an empty text in a result',
      { messages: [user([{ ...result('t'), content: [{ type: 'text', text: '' }] }])] },
      'messages: text content blocks must be non-empty',
    ],
    [
      'blank text',
      { messages: [user([{ type: 'text', text: ' \n' }])] },
      'messages: text content blocks must contain non-whitespace text',
    ],
    ['an empty system text', { system: [{ type: 'text', text: '' }] }, 'system: text content blocks must be non-empty'],
    [
      'empty content',
      { messages: [user(''), user('b')] },
      'messages.0: all messages must have non-empty content except for the optional final assistant message',
    ],
    [
      'a prefill with a space at the end',
      { messages: [user('a'), assistant('b ')] },
      'messages: final assistant content cannot end with trailing whitespace',
    ],
    [
      'a blank stop sequence',
      { stop_sequences: [' '] },
      'stop_sequences: each stop sequence must contain non-whitespace',
    ],
    [
      'a bad tool name',
      { tools: [tool('a b')] },
      "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ],
    ['two tools of one name', { tools: [tool('a'), tool('a')] }, 'tools: Tool names must be unique.'],
    [
      'a schema without type',
      { tools: [{ name: 'a', input_schema: {} }] },
      'tools.0.custom.input_schema.type: Field required',
    ],
    [
      'a choice without tools',
      { tool_choice: { type: 'any' } },
      'tool_choice: may only be specified while providing tools',
    ],
    [
      'a choice of another tool',
      { tools: [tool('a')], tool_choice: { type: 'tool', name: 'b' } },
      "Tool 'b' not found in provided tools",
    ],
    [
      'a small thinking budget',
      { thinking: { type: 'enabled', budget_tokens: 1000 } },
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
    ],
    [
      'a forced tool while thinking',
      { thinking: { type: 'adaptive' }, tools: [tool('a')], tool_choice: { type: 'any' } },
      'Thinking may not be enabled when tool_choice forces tool use.',
    ],
    [
      'five breakpoints',
      { messages: [user([cached, cached, cached, cached, cached])] },
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
    [
      'one identifier twice',
      { messages: [user('a'), assistant([use('t'), use('t')]), user([result('t')])] },
      'messages: `tool_use` ids must be unique',
    ],
  ])('%s', (_name, changes, problem) => {
    expect(strictAnthropicProblem({ ...base, ...changes })).toBe(problem);
  });

  it.each<[string, readonly unknown[], RegExp]>([
    [
      'a result of nothing',
      [user([result('t9')])],
      /^messages\.0\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: t9\./,
    ],
    [
      'a result too late',
      [user('a'), assistant([use('t1')]), user('no'), assistant('x'), user([result('t1')])],
      /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1\./,
    ],
    ['a call at the end', [user('a'), assistant([use('t1')])], /^messages\.1: `tool_use` ids were found without/],
  ])('%s', (_name, messages, problem) => {
    expect(strictAnthropicProblem({ ...base, messages })).toMatch(problem);
  });

  it('wants max_tokens above the thinking budget and no other temperature', () => {
    const thinking = { type: 'enabled', budget_tokens: 2000 };
    expect(strictAnthropicProblem({ ...base, thinking })).toMatch(/^`max_tokens` must be greater than/);
    expect(strictAnthropicProblem({ ...base, thinking, max_tokens: 3000 })).toBeNull();
    expect(strictAnthropicProblem({ ...base, thinking, max_tokens: 3000, temperature: 0 })).toMatch(
      /^`temperature` may only be set to 1/,
    );
  });
});

describe('strict mode for OpenAI', () => {
  const base = { model: 'gpt-4o', messages: [user('Hi')] };
  const calls = (...ids: string[]) => ({
    ...assistant(null),
    tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
  });
  const answer = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'ok' });
  const functions = [{ type: 'function', function: { name: 'f' } }];

  it.each<[string, JsonObject, object | null]>([
    ['a plain request', {}, null],
    ['answered calls', { messages: [user('a'), calls('c1', 'c2'), answer('c2'), answer('c1')] }, null],
    [
      'an unknown field',
      { top_k: 5 },
      { param: 'top_k', code: 'unknown_parameter', message: "Unknown parameter: 'top_k'." },
    ],
    ['no messages', { messages: [] }, { param: 'messages', code: 'empty_array' }],
    ['no tools', { tools: [] }, { param: 'tools', code: 'empty_array' }],
    [
      'a temperature',
      { temperature: -1 },
      {
        param: 'temperature',
        code: 'decimal_below_min_value',
        message: "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
      },
    ],
    [
      'an unknown role',
      { messages: [{ role: 'bot', content: 'a' }] },
      { param: 'messages[0].role', code: 'invalid_value' },
    ],
    [
      'a tool message of nothing',
      { messages: [user('a'), answer('c1')] },
      {
        param: 'messages.[1].role',
        message: expect.stringContaining("must be a response to a preceeding message with 'tool_calls'"),
      },
    ],
    [
      'a call without an answer',
      { messages: [user('a'), calls('c1', 'c2'), answer('c1'), user('b')] },
      { param: 'messages.[3].role', message: expect.stringMatching(/: c2$/) },
    ],
    [
      'one answer twice',
      { messages: [user('a'), calls('c1'), answer('c1'), answer('c1')] },
      { param: 'messages.[3].role' },
    ],
    ['stream options without a stream', { stream_options: { include_usage: true } }, { param: 'stream_options' }],
    ['a choice without tools', { tool_choice: 'auto' }, { param: 'tool_choice' }],
    [
      'a choice of another tool',
      { tools: functions, tool_choice: { type: 'function', function: { name: 'g' } } },
      { param: 'tool_choice' },
    ],
    ['five stop sequences', { stop: ['a', 'b', 'c', 'd', 'e'] }, { param: 'stop', code: 'array_above_max_length' }],
    [
      'max_tokens on a reasoning model',
      { model: 'o3-mini', max_tokens: 5 },
      { param: 'max_tokens', code: 'unsupported_parameter' },
    ],
    ['stop on a reasoning model', { model: 'gpt-5', stop: 'x' }, { param: 'stop', code: 'unsupported_parameter' }],
    ['JSON mode without the word', { response_format: { type: 'json_object' } }, { param: 'messages' }],
    ['JSON mode with the word', { response_format: { type: 'json_object' }, messages: [user('as JSON')] }, null],
  ])('%s', (_name, changes, problem) => {
    const found = strictOpenAiProblem('chat', { ...base, ...changes });
    if (problem === null) expect(found).toBeNull();
    else expect(found).toMatchObject(problem);
  });

  it('sends chat models away from the completions endpoint', () => {
    expect(strictOpenAiProblem('completions', { model: 'gpt-4o', prompt: 'a' })).toMatchObject({
      status: 404,
      param: 'model',
    });
    expect(strictOpenAiProblem('completions', { model: 'gpt-3.5-turbo-instruct', prompt: 'a' })).toBeNull();
  });
});
