import type { JsonObject } from '../../../core/chat';
import type { StreamEvent, StreamEventKind } from '../../../core/reply';
import { AnthropicEventWriter } from './from-canonical';
import { StrictAnthropicClient, type ReadBlock } from './testing/strict-anthropic-client';

const event = (kind: StreamEventKind, data: JsonObject | null, extra: Partial<StreamEvent> = {}): StreamEvent => ({
  kind,
  name: null,
  data,
  raw: null,
  usage: null,
  text: '',
  finish: null,
  ...extra,
});
const chunk = (delta: JsonObject, finish_reason: string | null = null, extra: JsonObject = {}): StreamEvent =>
  event('content', { id: 'chatcmpl-1', model: 'gpt-4o', choices: [{ index: 0, delta, finish_reason }], ...extra });
const ROLE = event('lifecycle', {
  id: 'chatcmpl-1',
  model: 'gpt-4o',
  choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
});
const USAGE = event('usage', {
  choices: [],
  usage: { prompt_tokens: 100, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 60 } },
});
const END = event('end', null);
const tool = (index: number | undefined, id?: string, name?: string, args?: string): JsonObject => ({
  ...(index === undefined ? {} : { index }),
  ...(id === undefined ? {} : { id, type: 'function' }),
  function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) },
});

const write = (...events: StreamEvent[]): JsonObject[] => {
  const writer = new AnthropicEventWriter({ inputTokensEstimate: 33 });
  return events.flatMap((one) => writer.push(one));
};

const read = (events: readonly JsonObject[]): StrictAnthropicClient => StrictAnthropicClient.read(events);
const shown = (blocks: readonly ReadBlock[]): string[][] => blocks.map(({ type, text }) => [type, text]);

describe('canonical stream to Anthropic events', () => {
  it('(108) runs from message_start to message_stop, with the late usage in message_delta', () => {
    expect(write(ROLE, chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'stop'), USAGE, END)).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'gpt-4o',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 33, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 },
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lo' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { input_tokens: 40, cache_creation_input_tokens: 0, cache_read_input_tokens: 60, output_tokens: 7 },
      },
      { type: 'message_stop' },
    ]);
  });

  it('(108) message_delta waits for the usage chunk, and comes with it', () => {
    const writer = new AnthropicEventWriter({ inputTokensEstimate: 1 });
    const types = [ROLE, chunk({ content: 'x' }), chunk({}, 'stop'), USAGE, END].map((one) =>
      writer.push(one).map(({ type }) => type),
    );
    expect(types.slice(2)).toEqual([['content_block_stop'], ['message_delta'], ['message_stop']]);
  });

  it('(108) without a usage chunk the end brings message_delta with estimates', () => {
    const events = write(
      ROLE,
      { ...chunk({ content: 'x'.repeat(10) }), text: 'x'.repeat(10) },
      chunk({}, 'length'),
      END,
    );
    expect(read(events)).toMatchObject({
      stopReason: 'max_tokens',
      usage: { input_tokens: 33, output_tokens: 3 },
      isComplete: true,
    });
  });

  it('(108) usage that comes with the last content chunk is used', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 2 };
    expect(read(write(ROLE, chunk({ content: 'x' }, 'stop', { usage }), END)).usage).toMatchObject({
      input_tokens: 9,
      output_tokens: 2,
    });
  });

  it('(108) the event’s own figures win over the chunk’s', () => {
    const totals = {
      inputTokens: 50,
      cacheReadTokens: 10,
      cacheWrite5mTokens: 5,
      cacheWrite1hTokens: 5,
      outputTokens: 4,
      inputAudioTokens: 0,
      inputImageTokens: 0,
      reasoningTokens: 0,
      outputAudioTokens: 0,
      outputImageTokens: 0,
      webSearches: 0,
    };
    expect(read(write(ROLE, chunk({ content: 'x' }, 'stop'), { ...USAGE, usage: totals }, END)).usage).toEqual({
      input_tokens: 30,
      cache_creation_input_tokens: 10,
      cache_read_input_tokens: 10,
      output_tokens: 4,
    });
  });

  it('(108) reasoning comes before text, each block closed before the next', () => {
    const events = write(
      ROLE,
      chunk({ reasoning_content: 'Hm' }),
      chunk({ reasoning: 'mm' }),
      chunk({ content: 'Hi' }),
      chunk({}, 'stop'),
      END,
    );
    expect(shown(read(events).blocks)).toEqual([
      ['thinking', 'Hmmm'],
      ['text', 'Hi'],
    ]);
    const one = write(ROLE, chunk({ content: 'Hi', reasoning_content: 'Hm' }, 'stop'), END);
    expect(shown(read(one).blocks)).toEqual([
      ['thinking', 'Hm'],
      ['text', 'Hi'],
    ]);
  });

  it('(108) tool calls are blocks of their own', () => {
    const { blocks, stopReason } = read(
      write(
        ROLE,
        chunk({ content: 'Let me' }),
        chunk({ tool_calls: [tool(0, 'a', 'f', '')] }),
        chunk({ tool_calls: [tool(0, undefined, undefined, '{"x":')] }),
        chunk({ tool_calls: [tool(0, undefined, undefined, '1}')] }),
        chunk({ tool_calls: [tool(1, 'b', 'g', '')] }),
        chunk({ tool_calls: [tool(1, undefined, undefined, '{}')] }),
        chunk({}, 'tool_calls'),
        USAGE,
        END,
      ),
    );
    expect(shown(blocks)).toEqual([
      ['text', 'Let me'],
      ['tool_use', '{"x":1}'],
      ['tool_use', '{}'],
    ]);
    expect(blocks.slice(1).map(({ start }) => start)).toEqual([
      { type: 'tool_use', id: 'a', name: 'f', input: {} },
      { type: 'tool_use', id: 'b', name: 'g', input: {} },
    ]);
    expect(stopReason).toBe('tool_use');
  });

  it('(108) the pieces of interleaved calls are put in order', () => {
    const { blocks } = read(
      write(
        ROLE,
        chunk({ tool_calls: [tool(0, 'a', 'f', ''), tool(1, 'b', 'g', '')] }),
        chunk({ tool_calls: [tool(1, undefined, undefined, '{"b":')] }),
        chunk({ tool_calls: [tool(0, undefined, undefined, '{"a":')] }),
        chunk({ tool_calls: [tool(1, undefined, undefined, '2}')] }),
        chunk({ tool_calls: [tool(0, undefined, undefined, '1}')] }),
        chunk({}, 'tool_calls'),
        END,
      ),
    );
    expect(shown(blocks)).toEqual([
      ['tool_use', '{"a":1}'],
      ['tool_use', '{"b":2}'],
    ]);
  });

  it('(108) text in the middle of a call waits for its end', () => {
    const { blocks } = read(
      write(
        ROLE,
        chunk({ tool_calls: [tool(0, 'a', 'f', '{"x"')] }),
        chunk({ content: 'aside' }),
        chunk({ tool_calls: [tool(0, undefined, undefined, ':1}')] }),
        chunk({}, 'tool_calls'),
        END,
      ),
    );
    expect(shown(blocks)).toEqual([
      ['tool_use', '{"x":1}'],
      ['text', 'aside'],
    ]);
  });

  it('(91) calls without index, with index 0 for all, without ids, or repeating id and name', () => {
    const cases: JsonObject[][] = [
      [tool(undefined, 'a', 'f', '{"a":1}'), tool(undefined, 'b', 'g', '{"b":2}')],
      [tool(0, 'a', 'f', '{"a":1}'), tool(0, 'b', 'g', '{"b":2}')],
      [tool(0, '', 'f', '{"a":1}'), tool(1, '', 'g', '{"b":2}')],
      [tool(0, 'a', 'f', '{"a":'), tool(0, 'a', 'f', '1}'), tool(1, 'b', 'g', '{"b":2}')],
      [
        tool(undefined, 'a', 'f', '{"a":'),
        tool(undefined, undefined, undefined, '1}'),
        tool(undefined, 'b', 'g', '{"b":2}'),
      ],
    ];
    for (const pieces of cases) {
      const { blocks } = read(
        write(ROLE, ...pieces.map((piece) => chunk({ tool_calls: [piece] })), chunk({}, 'tool_calls'), END),
      );
      expect(shown(blocks)).toEqual([
        ['tool_use', '{"a":1}'],
        ['tool_use', '{"b":2}'],
      ]);
      expect(new Set(blocks.map(({ start }) => start['id'])).size).toBe(2);
      expect(blocks.map(({ start }) => start['name'])).toEqual(['f', 'g']);
    }
  });

  it.each([
    ['stop', true, 'tool_use'],
    ['length', true, 'max_tokens'],
    ['content_filter', true, 'refusal'],
    ['stop', false, 'end_turn'],
    ['eos', false, 'end_turn'],
  ])('(109) finish %s, with calls %s, is %s', (finish, hasCalls, expected) => {
    const delta = hasCalls ? { tool_calls: [tool(0, 'a', 'f', '{}')] } : { content: 'x' };
    const events = write(ROLE, chunk(delta), chunk({}, finish), END);
    expect(events.at(-2)?.['delta']).toEqual({ stop_reason: expected, stop_sequence: null });
  });

  it('(110) a chunk with content, call and finish at once is split', () => {
    const events = write(
      ROLE,
      chunk({ role: 'assistant', content: 'Hi', tool_calls: [tool(0, 'a', 'f', '{"x":1}')] }, 'tool_calls'),
      USAGE,
      END,
    );
    expect(read(events)).toMatchObject({ stopReason: 'tool_use', usage: { output_tokens: 7 } });
    expect(shown(read(events).blocks)).toEqual([
      ['text', 'Hi'],
      ['tool_use', '{"x":1}'],
    ]);
  });

  it('a refusal is text and the stop reason', () => {
    const result = read(write(ROLE, chunk({ refusal: 'No.' }), chunk({}, 'stop'), END));
    expect(shown(result.blocks)).toEqual([['text', 'No.']]);
    expect(result.stopReason).toBe('refusal');
  });

  it('content in parts, empty first chunks, other choices and pings do no harm', () => {
    const azure = event('lifecycle', { id: '', model: '', choices: [], prompt_filter_results: [] });
    const other = event('content', {
      id: 'chatcmpl-1',
      model: 'gpt-4o',
      choices: [{ index: 1, delta: { content: 'second' }, finish_reason: null }],
    });
    const ping = event('idle', null);
    const parts = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'T' }] },
      { type: 'text', text: 'X' },
    ];
    const events = write(azure, ping, ROLE, ping, other, chunk({ content: parts }), chunk({}, 'stop'), END);
    expect(events.filter(({ type }) => type === 'ping')).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: 'message_start', message: { id: 'msg_1', model: 'gpt-4o' } });
    expect(shown(read(events).blocks)).toEqual([
      ['thinking', 'T'],
      ['text', 'X'],
    ]);
  });

  it('an answer without content is an empty message; nothing follows the end', () => {
    expect(write(ROLE, chunk({}, 'stop'), END, END, chunk({ content: 'late' })).map(({ type }) => type)).toEqual([
      'message_start',
      'message_delta',
      'message_stop',
    ]);
    expect(write(END).map(({ type }) => type)).toEqual(['message_start', 'message_delta', 'message_stop']);
  });
});
