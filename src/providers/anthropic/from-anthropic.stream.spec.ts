import type { ChatChunk, JsonObject } from '../../core/chat';
import type { StreamEvent } from '../../core/reply';
import { AnthropicStreamReader, AnthropicStreamTranslator } from './from-anthropic.stream';

const start = (usage: JsonObject = { input_tokens: 10, output_tokens: 1 }): JsonObject => ({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content: [],
    stop_reason: null,
    usage,
  },
});
const open = (index: number, content_block: JsonObject): JsonObject => ({
  type: 'content_block_start',
  index,
  content_block,
});
const openText = (index: number, text = ''): JsonObject => open(index, { type: 'text', text });
const openTool = (index: number, id: string, name: string, input: unknown = {}): JsonObject =>
  open(index, { type: 'tool_use', id, name, input });
const delta = (index: number, piece: JsonObject): JsonObject => ({ type: 'content_block_delta', index, delta: piece });
const words = (index: number, text: string): JsonObject => delta(index, { type: 'text_delta', text });
const json = (index: number, partial_json: string): JsonObject =>
  delta(index, { type: 'input_json_delta', partial_json });
const stop = (index: number): JsonObject => ({ type: 'content_block_stop', index });
const last = (stop_reason = 'end_turn', usage: JsonObject | null = { output_tokens: 7 }): JsonObject => ({
  type: 'message_delta',
  delta: { stop_reason, stop_sequence: null },
  ...(usage ? { usage } : {}),
});
const END = { type: 'message_stop' };
const PING = { type: 'ping' };

const translate = (events: JsonObject[], jsonTool: string | null = null, includeUsage = false): StreamEvent[] => {
  const translator = new AnthropicStreamTranslator({ jsonTool, createdSeconds: 1_700_000_000, includeUsage });
  return events.flatMap((event) => translator.push(event));
};
const chunks = (events: StreamEvent[]): ChatChunk[] =>
  events.flatMap(({ data }) => (data ? [data as unknown as ChatChunk] : []));
const deltas = (events: StreamEvent[]) =>
  chunks(events).flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
const content = (events: StreamEvent[]): string =>
  deltas(events)
    .map((piece) => piece.content ?? '')
    .join('');
const toolDeltas = (events: StreamEvent[]) => deltas(events).flatMap((piece) => piece.tool_calls ?? []);

describe('stream from Anthropic', () => {
  it('(75) role first, one finish reason, then usage without choices, then the end; one id, one created', () => {
    const events = translate([start(), openText(0), PING, words(0, 'Hel'), words(0, 'lo'), stop(0), last(), END]);
    expect(events.map(({ kind }) => kind)).toEqual([
      'lifecycle',
      'idle',
      'content',
      'content',
      'content',
      'usage',
      'end',
    ]);
    const all = chunks(events);
    expect(all[0]?.choices[0]).toEqual({
      index: 0,
      delta: { role: 'assistant', content: '', refusal: null },
      logprobs: null,
      finish_reason: null,
    });
    expect(all.flatMap(({ choices }) => choices.map((choice) => choice.finish_reason))).toEqual([
      null,
      null,
      null,
      'stop',
    ]);
    expect(all.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 7, total_tokens: 17 },
    });
    expect(new Set(all.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`))).toEqual(
      new Set(['msg_1 1700000000 claude-x chat.completion.chunk']),
    );
    expect(events.at(-1)).toEqual({
      kind: 'end',
      name: null,
      data: null,
      raw: null,
      usage: null,
      text: '',
      finish: null,
    });
    expect(events.map(({ text }) => text).join('')).toBe('Hello');
    expect(events.map(({ finish }) => finish)).toEqual([null, null, null, null, 'stop', null, null]);
  });

  it('(75) with includeUsage every other chunk says usage null, as OpenAI does', () => {
    const all = chunks(translate([start(), openText(0), words(0, 'x'), stop(0), last(), END], null, true));
    expect(all.map(({ usage }) => usage === null)).toEqual([true, true, true, false]);
    expect(chunks(translate([start(), last(), END]))[0]).not.toHaveProperty('usage');
  });

  it('(76, 77) the tool index counts client tools only; id and name once, then pieces', () => {
    const events = translate([
      start(),
      openText(0),
      words(0, 'Hi'),
      stop(0),
      open(1, { type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} }),
      json(1, '{"query":"x"}'),
      stop(1),
      open(2, { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] }),
      stop(2),
      openTool(3, 'toolu_a', 'f'),
      json(3, ''),
      json(3, '{"a"'),
      json(3, ':1}'),
      stop(3),
      openTool(4, 'toolu_b', 'g'),
      json(4, ''),
      stop(4),
      last('tool_use'),
      END,
    ]);
    expect(toolDeltas(events)).toEqual([
      { index: 0, id: 'toolu_a', type: 'function', function: { name: 'f', arguments: '' } },
      { index: 0, function: { arguments: '{"a"' } },
      { index: 0, function: { arguments: ':1}' } },
      { index: 1, id: 'toolu_b', type: 'function', function: { name: 'g', arguments: '' } },
      { index: 1, function: { arguments: '{}' } },
    ]);
    expect(content(events)).toBe('Hi');
    expect(chunks(events).at(-2)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('(78) a ping is idle, wherever it comes, and does not take the role chunk', () => {
    const events = translate([PING, start(), PING, openText(0), words(0, 'x'), PING, stop(0), last(), END]);
    expect(events.filter(({ kind }) => kind === 'idle')).toHaveLength(3);
    expect(events.filter(({ kind }) => kind === 'idle').every(({ data }) => data === null)).toBe(true);
    expect(deltas(events)[0]).toMatchObject({ role: 'assistant' });
  });

  it('(79) unknown events, blocks and deltas are passed over', () => {
    const events = translate([
      start(),
      { type: 'vibe_check', mood: 1 },
      {},
      open(0, { type: 'hologram', beam: true }),
      delta(0, { type: 'beam_delta', photons: 3 }),
      stop(0),
      open(1, { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } }),
      stop(1),
      openText(2),
      delta(2, { type: 'signature_delta', signature: 's' }),
      words(2, 'ok'),
      { type: 'content_block_delta' },
      { type: 'content_block_start' },
      { type: 'content_block_stop', index: 99 },
      stop(2),
      last(),
      END,
    ]);
    expect(content(events)).toBe('ok');
    expect(toolDeltas(events)).toEqual([]);
  });

  it('(66, 67, 79) thinking streams as reasoning_content; signed blocks follow once, before the finish', () => {
    const events = translate([
      start(),
      open(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'Let ' }),
      delta(0, { type: 'thinking_delta', thinking: 'me' }),
      delta(0, { type: 'signature_delta', signature: 'sig' }),
      stop(0),
      open(1, { type: 'redacted_thinking', data: 'xyz' }),
      stop(1),
      openText(2),
      words(2, '42'),
      stop(2),
      last(),
      END,
    ]);
    expect(deltas(events)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { reasoning_content: 'Let ' },
      { reasoning_content: 'me' },
      { content: '42' },
      {
        thinking_blocks: [
          { type: 'thinking', thinking: 'Let me', signature: 'sig' },
          { type: 'redacted_thinking', data: 'xyz' },
        ],
      },
      {},
    ]);
  });

  it('(69) citations follow as annotations', () => {
    const citation = { type: 'web_search_result_location', url: 'https://e.com', title: 'E' };
    const events = translate([
      start(),
      openText(0),
      words(0, 'A. '),
      stop(0),
      openText(1),
      words(1, 'Bcd'),
      delta(1, { type: 'citations_delta', citation }),
      stop(1),
      last(),
      END,
    ]);
    expect(deltas(events).at(-2)).toEqual({
      annotations: [
        { type: 'url_citation', url_citation: { url: 'https://e.com', title: 'E', start_index: 3, end_index: 6 } },
      ],
    });
  });

  it('(80) text that is already in the block’s start is sent', () => {
    expect(content(translate([start(), openText(0, 'Al'), words(0, 'so'), stop(0), last(), END]))).toBe('Also');
  });

  it('(81) input that is already in the block’s start is sent once', () => {
    const args = (events: JsonObject[]) =>
      toolDeltas(translate([start(), ...events, last('tool_use'), END]))
        .map((piece) => piece.function?.arguments)
        .join('');
    expect(args([openTool(0, 'a', 'f', { x: 1 }), stop(0)])).toBe('{"x":1}');
    expect(args([openTool(0, 'a', 'f', { x: 1 }), json(0, ''), stop(0)])).toBe('{"x":1}');
    expect(args([openTool(0, 'a', 'f', { x: 1 }), json(0, '{"x":'), json(0, '2}'), stop(0)])).toBe('{"x":2}');
    expect(args([openTool(0, 'a', 'f')])).toBe('{}');
  });

  it('(82) interleaved blocks are told apart by their index', () => {
    const events = translate([
      start(),
      openTool(0, 'a', 'f'),
      openTool(1, 'b', 'g'),
      json(1, '{"b":'),
      json(0, '{"a":'),
      json(1, '1}'),
      json(0, '2}'),
      stop(1),
      stop(0),
      last('tool_use'),
      END,
    ]);
    const joined = (index: number) =>
      toolDeltas(events)
        .filter((piece) => piece.index === index)
        .map((piece) => piece.function?.arguments)
        .join('');
    expect([joined(0), joined(1)]).toEqual(['{"a":2}', '{"b":1}']);
  });

  it('(72) the JSON tool streams as content and ends with stop', () => {
    const events = translate(
      [
        start(),
        openTool(0, 'a', 'json_answer'),
        json(0, ''),
        json(0, '{"x":'),
        json(0, '1}'),
        stop(0),
        last('tool_use'),
        END,
      ],
      'json_answer',
    );
    expect(content(events)).toBe('{"x":1}');
    expect(toolDeltas(events)).toEqual([]);
    expect(chunks(events).at(-2)?.choices[0]?.finish_reason).toBe('stop');
    const mixed = translate(
      [
        start(),
        openTool(0, 'a', 'json_answer'),
        json(0, '{}'),
        stop(0),
        openTool(1, 'b', 'f'),
        stop(1),
        last('tool_use'),
        END,
      ],
      'json_answer',
    );
    expect(toolDeltas(mixed)[0]).toMatchObject({ index: 0, id: 'b' });
    expect(chunks(mixed).at(-2)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('(90) the last message_delta wins, and one without usage leaves the earlier figures', () => {
    const usageOf = (events: JsonObject[]) => translate(events).find(({ kind }) => kind === 'usage')?.usage;
    expect(
      usageOf([
        start(),
        last('end_turn', { output_tokens: 3 }),
        last('end_turn', { input_tokens: 404_500, output_tokens: 8 }),
        END,
      ]),
    ).toMatchObject({
      inputTokens: 404_500,
      outputTokens: 8,
    });
    expect(usageOf([start(), last('end_turn', { output_tokens: 3 }), last('end_turn', null), END])).toMatchObject({
      inputTokens: 10,
      outputTokens: 3,
    });
    expect(usageOf([start({ input_tokens: 5, output_tokens: 2 }), last('end_turn', null), END])).toMatchObject({
      inputTokens: 5,
      outputTokens: 2,
    });
  });

  it('(85) usage is known before the end, so that a cut stream is billed', () => {
    const events = translate([
      start({ input_tokens: 5, output_tokens: 1 }),
      openText(0),
      words(0, 'x'),
      stop(0),
      last('end_turn', { output_tokens: 40 }),
    ]);
    expect(events[0]?.usage).toMatchObject({ inputTokens: 5 });
    expect(events.at(-1)?.usage).toMatchObject({ inputTokens: 5, outputTokens: 40 });
    expect(events.some(({ kind }) => kind === 'end')).toBe(false);
  });

  it('(65) refusal details travel with the finish chunk', () => {
    const stop_details = { type: 'refusal', category: 'cyber' };
    const events = translate([
      start(),
      { type: 'message_delta', delta: { stop_reason: 'refusal', stop_details }, usage: { output_tokens: 1 } },
      END,
    ]);
    expect(chunks(events).at(-2)?.choices[0]).toMatchObject({ finish_reason: 'content_filter', stop_details });
  });

  it('a second message_start, events after the end and a missing start do no harm', () => {
    const doubled = translate([
      start(),
      start(),
      openText(0),
      words(0, 'x'),
      stop(0),
      last(),
      END,
      END,
      words(0, 'y'),
      last(),
    ]);
    expect(deltas(doubled).filter(({ role }) => role)).toHaveLength(1);
    expect(doubled.filter(({ kind }) => kind === 'end')).toHaveLength(1);
    expect(content(doubled)).toBe('x');
    const headless = translate([words(0, 'x'), END]);
    expect(deltas(headless)).toEqual([{ role: 'assistant', content: '', refusal: null }, { content: 'x' }, {}]);
    expect(headless.map(({ kind }) => kind)).toEqual(['lifecycle', 'content', 'content', 'end']);
  });
});

describe('AnthropicStreamReader', () => {
  const kinds = (events: JsonObject[]): string[] => {
    const reader = new AnthropicStreamReader();
    return events.map((event) => reader.push(event).kind);
  };

  it('holds back everything until the first piece of content', () => {
    expect(kinds([start(), PING, openText(0), words(0, ''), words(0, 'x'), stop(0), last(), END])).toEqual([
      'lifecycle',
      'idle',
      'lifecycle',
      'lifecycle',
      'content',
      'content',
      'usage',
      'end',
    ]);
  });

  it.each(['tool_use', 'server_tool_use', 'thinking', 'web_search_tool_result', 'compaction', 'new'])(
    'the start of a %s block is content',
    (type) => {
      expect(kinds([start(), open(0, { type })])).toEqual(['lifecycle', 'content']);
    },
  );

  it('message_delta is usage only when it has usage, and tells the finish', () => {
    const reader = new AnthropicStreamReader();
    reader.push(start({ input_tokens: 4, output_tokens: 1 }));
    expect(reader.push(last('max_tokens', null))).toEqual({
      kind: 'content',
      usage: null,
      text: '',
      finish: 'length',
    });
    expect(reader.push(last('tool_use', { output_tokens: 9 }))).toMatchObject({
      kind: 'usage',
      finish: 'tool_calls',
      usage: { inputTokens: 4, outputTokens: 9 },
    });
  });

  it('tells model, completeness and all text that was produced', () => {
    const reader = new AnthropicStreamReader();
    expect([reader.model, reader.isComplete, reader.totals]).toEqual([null, false, null]);
    const text = [
      start(),
      open(0, { type: 'thinking', thinking: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'T' }),
      delta(0, { type: 'signature_delta', signature: 'S' }),
      openText(1),
      words(1, 'W'),
      openTool(2, 'a', 'f'),
      json(2, '{}'),
      open(3, { type: 'compaction', content: '' }),
      delta(3, { type: 'compaction_delta', content: 'C' }),
      END,
    ]
      .map((event) => reader.push(event).text)
      .join('');
    expect(text).toBe('TW{}C');
    expect([reader.model, reader.isComplete]).toEqual(['claude-x', true]);
  });
});
