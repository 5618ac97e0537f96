import * as fc from 'fast-check';
import type { ChatChunk, ChatToolCall, ChatToolCallDelta, JsonObject } from '../../core/chat';
import { fromAnthropicMessage } from './from-anthropic';
import { AnthropicStreamTranslator } from './from-anthropic.stream';

const words = fc.string({ unit: 'grapheme', maxLength: 40 });
const input = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.oneof(words, fc.integer(), fc.boolean()), {
  maxKeys: 4,
});
const block: fc.Arbitrary<JsonObject> = fc.oneof(
  words.map((text) => ({ type: 'text', text })),
  fc.record({ type: fc.constant('thinking'), thinking: words, signature: fc.constantFrom('', 'sig') }),
  fc.constant({ type: 'redacted_thinking', data: 'opaque' }),
  fc.record({ type: fc.constant('tool_use'), id: fc.uuid(), name: fc.constantFrom('f', 'g', 'json_answer'), input }),
  fc.record({ type: fc.constant('server_tool_use'), id: fc.uuid(), name: fc.constant('web_search'), input }),
  fc.constant({ type: 'web_search_tool_result', tool_use_id: 'x', content: [] }),
);
const message = fc.record({
  id: fc.uuid(),
  model: fc.constantFrom('claude-a', 'claude-b'),
  content: fc.array(block, { maxLength: 6 }),
  stop_reason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', 'refusal', 'pause_turn', 'news'),
  usage: fc.record({ input_tokens: fc.nat(9999), output_tokens: fc.nat(9999), cache_read_input_tokens: fc.nat(9999) }),
});
const jsonTool = fc.constantFrom(null, 'json_answer');

/** Cuts a text into pieces, some of them empty. */
function pieces(text: string, size: number): string[] {
  const cut = [''];
  for (let at = 0; at < text.length; at += size) cut.push(text.slice(at, at + size));
  return cut;
}

function eventsOf(block: JsonObject, index: number, size: number): JsonObject[] {
  const delta = (piece: JsonObject): JsonObject => ({ type: 'content_block_delta', index, delta: piece });
  const stop = { type: 'content_block_stop', index };
  const start = (content_block: JsonObject): JsonObject => ({ type: 'content_block_start', index, content_block });
  if (block['type'] === 'text') {
    const texts = pieces(String(block['text']), size).map((text) => delta({ type: 'text_delta', text }));
    return [start({ type: 'text', text: '' }), ...texts, stop];
  }
  if (block['type'] === 'thinking') {
    const thoughts = pieces(String(block['thinking']), size).map((thinking) =>
      delta({ type: 'thinking_delta', thinking }),
    );
    const signature = delta({ type: 'signature_delta', signature: block['signature'] });
    return [start({ type: 'thinking', thinking: '', signature: '' }), ...thoughts, signature, stop];
  }
  if (block['type'] === 'tool_use' || block['type'] === 'server_tool_use') {
    const json = Object.keys(block['input'] as object).length > 0 ? JSON.stringify(block['input']) : '';
    const inputs = pieces(json, size).map((partial_json) => delta({ type: 'input_json_delta', partial_json }));
    return [start({ ...block, input: {} }), ...inputs, stop];
  }
  return [start(block), stop];
}

function streamOf(answer: JsonObject, size: number): JsonObject[] {
  const { content, stop_reason, usage } = answer as { content: JsonObject[]; stop_reason: string; usage: JsonObject };
  return [
    {
      type: 'message_start',
      message: { ...answer, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
    },
    { type: 'ping' },
    ...content.flatMap((entry, index) => eventsOf(entry, index, size)),
    { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: usage['output_tokens'] } },
    { type: 'message_stop' },
  ];
}

function addCall(calls: ChatToolCall[], piece: ChatToolCallDelta): void {
  const { name = '', arguments: json = '' } = piece.function ?? {};
  const known = calls[piece.index];
  if (known) known.function.arguments += json;
  else calls[piece.index] = { id: piece.id ?? '', type: piece.type ?? '', function: { name, arguments: json } };
}

/** Puts the chunks together as a client would. */
function accumulate(chunks: readonly ChatChunk[]): JsonObject {
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const deltas = choices.map((choice) => choice.delta);
  const calls: ChatToolCall[] = [];
  const extras: JsonObject = {};
  for (const { content: _, reasoning_content: __, tool_calls: pieces, ...others } of deltas) {
    Object.assign(extras, others);
    for (const piece of pieces ?? []) addCall(calls, piece);
  }
  const content = deltas.map((delta) => delta.content ?? '').join('');
  const reasoning = deltas.map((delta) => delta.reasoning_content ?? '').join('');
  return {
    message: {
      ...extras,
      content: content === '' && calls.length > 0 ? null : content,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    },
    finish: choices.findLast((choice) => choice.finish_reason !== null)?.finish_reason,
    usage: chunks.at(-1)?.usage,
  };
}

describe('stream and JSON from Anthropic', () => {
  it('tell the same answer, however the stream is cut', () => {
    fc.assert(
      fc.property(message, jsonTool, fc.integer({ min: 1, max: 12 }), (answer, tool, size) => {
        const options = { jsonTool: tool, createdSeconds: 1 };
        const { completion, usage, finish } = fromAnthropicMessage(answer, options);
        const translator = new AnthropicStreamTranslator({ ...options, includeUsage: false });
        const events = streamOf(answer, size).flatMap((event) => translator.push(event));
        const chunks = events.flatMap(({ data }) => (data ? [data as unknown as ChatChunk] : []));
        const [choice] = completion.choices;
        expect(accumulate(chunks)).toEqual({
          message: choice?.message,
          finish: choice?.finish_reason,
          usage: completion.usage,
        });
        expect(events.find((event) => event.finish !== null)?.finish).toBe(finish);
        expect(events.findLast((event) => event.usage !== null)?.usage).toEqual(usage);
        expect(events.filter(({ kind }) => kind === 'end')).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  it('no event, however odd, breaks the translator', () => {
    const odd = fc.record(
      {
        type: fc.constantFrom(
          'message_start',
          'content_block_start',
          'content_block_delta',
          'content_block_stop',
          'message_delta',
          'message_stop',
          'ping',
          'x',
        ),
        index: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
        message: fc.anything(),
        content_block: fc.anything(),
        delta: fc.anything(),
        usage: fc.anything(),
      },
      { requiredKeys: ['type'] },
    );
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 12 }), (events) => {
        const translator = new AnthropicStreamTranslator({ jsonTool: null, createdSeconds: 1, includeUsage: true });
        const kinds = events.flatMap((event) => translator.push(event as JsonObject)).map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === 'end').length).toBeLessThanOrEqual(1);
        const shown = kinds.filter((kind) => kind !== 'idle' && kind !== 'end' && kind !== 'usage');
        expect(shown.slice(1)).not.toContain('lifecycle');
        expect([undefined, 'lifecycle']).toContain(shown[0]);
      }),
      { numRuns: 300 },
    );
  });
});
