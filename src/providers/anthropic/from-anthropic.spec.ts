import type { JsonObject } from '../../core/chat';
import { NO_USAGE } from '../../core/tokens';
import { anthropicUsage, canonicalUsage, fromAnthropicMessage, mergeAnthropicUsage } from './from-anthropic';

const OPTIONS = { jsonTool: null, createdSeconds: 1_700_000_000 };
const USAGE = { input_tokens: 10, output_tokens: 5 };
const translate = (content: unknown[], extra: JsonObject = {}, jsonTool: string | null = null) =>
  fromAnthropicMessage(
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-x-20250101',
      content,
      stop_reason: 'end_turn',
      usage: USAGE,
      ...extra,
    },
    { ...OPTIONS, jsonTool },
  );
const message = (content: unknown[], extra: JsonObject = {}, jsonTool: string | null = null) =>
  translate(content, extra, jsonTool).completion.choices[0]?.message;
const text = (words: string, extra: JsonObject = {}) => ({ type: 'text', text: words, ...extra });
const use = (id: string, name: string, input: unknown = {}) => ({ type: 'tool_use', id, name, input });

describe('answer from Anthropic', () => {
  it('(71, 73) is an OpenAI completion with the provider’s id and model, created in seconds', () => {
    expect(translate([text('Hi')]).completion).toEqual({
      id: 'msg_1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'claude-x-20250101',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 0 },
        cache_creation_input_tokens: 0,
      },
    });
  });

  it('(61) text blocks join without separators', () => {
    expect(message([text('A '), text('B'), text('\nC')])?.content).toBe('A B\nC');
  });

  it('(62, 63) tool_use becomes tool_calls with their ids, the input written once, and content null', () => {
    expect(message([use('toolu_1', 'f', { a: '"q"' }), use('toolu_2', 'g', null)])).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'toolu_1', type: 'function', function: { name: 'f', arguments: '{"a":"\\"q\\""}' } },
        { id: 'toolu_2', type: 'function', function: { name: 'g', arguments: '{}' } },
      ],
    });
    expect(message([use('', 'f'), use('', 'f')])?.tool_calls?.map(({ id }) => id)).toEqual([
      'toolu_gateway_0',
      'toolu_gateway_1',
    ]);
  });

  it.each([
    ['end_turn', 'stop', 'stop'],
    ['stop_sequence', 'stop', 'stop'],
    ['pause_turn', 'stop', 'stop'],
    ['max_tokens', 'length', 'length'],
    ['model_context_window_exceeded', 'length', 'length'],
    ['tool_use', 'tool_calls', 'tool_calls'],
    ['refusal', 'content_filter', 'content_filter'],
    ['compaction', 'stop', 'other'],
    [null, 'stop', 'other'],
  ])('(64) stop_reason %s is finish_reason %s (%s for the log)', (stop_reason, wire, finish) => {
    const translated = translate([text('x')], { stop_reason });
    expect(translated.completion.choices[0]?.finish_reason).toBe(wire);
    expect(translated.finish).toBe(finish);
  });

  it('(65, 74) a refusal without content is an answer; its details are shown', () => {
    const stop_details = { type: 'refusal', category: 'cyber', explanation: null };
    const { completion } = translate([], { stop_reason: 'refusal', stop_details });
    expect(completion.choices[0]).toMatchObject({
      message: { content: '' },
      finish_reason: 'content_filter',
      stop_details,
    });
    expect(translate([], { stop_details: null }).completion.choices[0]).not.toHaveProperty('stop_details');
  });

  it('(66) thinking stays out of content, and can come back with its signature', () => {
    const thinking = { type: 'thinking', thinking: 'Let me see', signature: 'sig' };
    expect(message([thinking, text('42')])).toEqual({
      role: 'assistant',
      content: '42',
      refusal: null,
      reasoning_content: 'Let me see',
      thinking_blocks: [thinking],
    });
    expect(message([{ type: 'thinking', thinking: 'x', signature: '' }, text('42')])).not.toHaveProperty(
      'thinking_blocks',
    );
  });

  it('(67) redacted thinking is kept opaque', () => {
    const redacted = { type: 'redacted_thinking', data: 'EmwK' };
    expect(message([redacted, text('42')])).toEqual({
      role: 'assistant',
      content: '42',
      refusal: null,
      thinking_blocks: [redacted],
    });
  });

  it('(68) server tools and unknown blocks leave the text whole and make no tool calls', () => {
    const answer = message([
      text('A'),
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
      { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'm', input: {} },
      { type: 'compaction', content: 'summary' },
      { type: 'from_the_future' },
      null,
      text('B'),
    ]);
    expect(answer).toEqual({ role: 'assistant', content: 'AB', refusal: null });
  });

  it('(69) citations of web pages become annotations, others an extra field', () => {
    const web = { type: 'web_search_result_location', url: 'https://e.com', title: 'E', cited_text: 'c' };
    const page = { type: 'page_location', document_index: 0, cited_text: 'c' };
    const answer = message([text('A. '), text('B', { citations: [web, page] }), text('C', { citations: null })]);
    expect(answer?.['annotations']).toEqual([
      { type: 'url_citation', url_citation: { url: 'https://e.com', title: 'E', start_index: 3, end_index: 4 } },
    ]);
    expect(answer?.['citations']).toEqual([page]);
  });

  it('(72) the JSON tool is unwrapped into content, and real calls beside it stay', () => {
    const alone = translate([use('t', 'json_answer', { a: 1 })], { stop_reason: 'tool_use' }, 'json_answer');
    expect(alone.completion.choices[0]).toMatchObject({ message: { content: '{"a":1}' }, finish_reason: 'stop' });
    expect(alone.completion.choices[0]?.message).not.toHaveProperty('tool_calls');
    expect(alone.finish).toBe('stop');
    const mixed = translate(
      [use('t', 'json_answer', { a: 1 }), use('u', 'f')],
      { stop_reason: 'tool_use' },
      'json_answer',
    );
    expect(mixed.completion.choices[0]).toMatchObject({
      message: { content: '{"a":1}', tool_calls: [{ id: 'u' }] },
      finish_reason: 'tool_calls',
    });
    expect(message([use('t', 'json_answer', { a: 1 })])?.tool_calls).toHaveLength(1);
  });

  it('a message without usage has null usage rather than zeros', () => {
    const { completion, usage } = translate([text('x')], { usage: undefined });
    expect(usage).toBeNull();
    expect(completion).not.toHaveProperty('usage');
  });
});

describe('(70) usage from Anthropic', () => {
  it('input is fresh input, cache reads and cache writes together', () => {
    const usage = anthropicUsage({
      input_tokens: 6,
      cache_read_input_tokens: 20_443,
      cache_creation_input_tokens: 574,
      cache_creation: { ephemeral_5m_input_tokens: 500, ephemeral_1h_input_tokens: 74 },
      output_tokens: 100,
      output_tokens_details: { thinking_tokens: 40 },
      server_tool_use: { web_search_requests: 3, web_fetch_requests: 9 },
    });
    expect(usage).toEqual({
      ...NO_USAGE,
      inputTokens: 21_023,
      cacheReadTokens: 20_443,
      cacheWrite5mTokens: 500,
      cacheWrite1hTokens: 74,
      outputTokens: 100,
      reasoningTokens: 40,
      webSearches: 3,
    });
    expect(usage && canonicalUsage(usage)).toEqual({
      prompt_tokens: 21_023,
      completion_tokens: 100,
      total_tokens: 21_123,
      prompt_tokens_details: { cached_tokens: 20_443 },
      completion_tokens_details: { reasoning_tokens: 40 },
      cache_creation_input_tokens: 574,
      cache_creation: { ephemeral_5m_input_tokens: 500, ephemeral_1h_input_tokens: 74 },
      server_tool_use: { web_search_requests: 3 },
    });
  });

  it('nulls count as 0, a write without a split as five minutes, a split without a total as it says', () => {
    const nulls = {
      input_tokens: 1,
      output_tokens: null,
      cache_read_input_tokens: null,
      cache_creation: null,
      server_tool_use: null,
    };
    expect(anthropicUsage(nulls)).toEqual({ ...NO_USAGE, inputTokens: 1 });
    expect(anthropicUsage({ cache_creation_input_tokens: 7 })).toMatchObject({
      inputTokens: 7,
      cacheWrite5mTokens: 7,
      cacheWrite1hTokens: 0,
    });
    expect(anthropicUsage({ cache_creation: { ephemeral_1h_input_tokens: 7 } })).toMatchObject({
      inputTokens: 7,
      cacheWrite1hTokens: 7,
    });
    for (const nothing of [undefined, null, 'x', []]) expect(anthropicUsage(nothing)).toBeNull();
  });

  it('iterations are billed by their sum when it is larger', () => {
    const usage = {
      input_tokens: 612,
      output_tokens: 2819,
      iterations: [
        { type: 'compaction', input_tokens: 60_385, output_tokens: 522 },
        { type: 'message', input_tokens: 612, output_tokens: 2819, cache_read_input_tokens: 8 },
      ],
    };
    expect(anthropicUsage(usage)).toMatchObject({ inputTokens: 61_005, cacheReadTokens: 8, outputTokens: 3341 });
    expect(anthropicUsage({ ...usage, iterations: [{ input_tokens: 1, output_tokens: 1 }] })).toMatchObject({
      inputTokens: 612,
    });
  });

  it('(90) a delta replaces what it tells and leaves the rest', () => {
    const start = {
      input_tokens: 2479,
      output_tokens: 3,
      cache_read_input_tokens: 5,
      cache_creation: { ephemeral_1h_input_tokens: 0 },
    };
    const merged = mergeAnthropicUsage(start, {
      input_tokens: 404_500,
      output_tokens: 900,
      cache_read_input_tokens: null,
    });
    expect(anthropicUsage(merged)).toMatchObject({ inputTokens: 404_505, outputTokens: 900, cacheReadTokens: 5 });
    expect(anthropicUsage(mergeAnthropicUsage(start, { output_tokens: 9 }))).toMatchObject({
      inputTokens: 2484,
      outputTokens: 9,
    });
    expect(mergeAnthropicUsage(start, undefined)).toBe(start);
    expect(mergeAnthropicUsage(null, { output_tokens: 9 })).toEqual({ output_tokens: 9 });
    expect(mergeAnthropicUsage(undefined, null)).toBeNull();
  });
});
