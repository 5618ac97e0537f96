import { estimateTokens } from '../../../core/tokens';
import type { Answer, AnsweredCall } from './answer';
import { anthropicErrorEvent } from './error-replies';
import { frame, type Frame, type PreparedReply } from './frame';
import type { JsonObject } from './loose-json';
import { datedName } from './models';
import { piecesOf, regroup } from './pieces';
import { outputTokensOfTurn, type Turn } from './turn';

const REFUSAL_DETAILS = {
  type: 'refusal',
  category: 'cyber',
  explanation:
    "This request triggered restrictions on violative cyber content and was blocked under Anthropic's Usage Policy.",
};
/** The last event of these counts the output only. */
const OLD_MODEL = /^claude-(?:2|3-(?!7))/;
const STOP_REASONS = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', refusal: 'refusal' } as const;

export function prepareMessage(turn: Turn): PreparedReply {
  const [answer] = turn.answers;
  if (answer === undefined) throw new RangeError('a message needs an answer');
  return {
    json: () => messageJson(turn, answer),
    frames: () => new MessageFrames(turn, answer).all(),
    errorWire: () => anthropicErrorEvent(turn.random),
    malformedWire: 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"tex\n\n',
    outputTokens: outputTokensOfTurn(turn),
    headTokens: 0,
  };
}

const messageId = (turn: Turn): string => `msg_01${turn.random.base62(22)}`;
const toolUseId = (turn: Turn): string => `toolu_01${turn.random.base62(22)}`;

function stopFields(answer: Answer): JsonObject {
  return {
    stop_reason: answer.stopSequence === null ? STOP_REASONS[answer.finish] : 'stop_sequence',
    stop_sequence: answer.stopSequence,
    stop_details: answer.finish === 'refusal' ? REFUSAL_DETAILS : null,
  };
}

function messageJson(turn: Turn, answer: Answer): string {
  const content: JsonObject[] = [];
  if (answer.thinking !== '')
    content.push({ type: 'thinking', thinking: answer.thinking, signature: signatureOf(turn) });
  if (answer.text !== '') content.push({ type: 'text', text: answer.text });
  for (const call of answer.calls)
    content.push({
      type: 'tool_use',
      id: toolUseId(turn),
      name: call.name,
      input: argumentsOf(call),
      caller: { type: 'direct' },
    });
  return JSON.stringify({
    model: datedName(turn.prompt.model),
    id: messageId(turn),
    type: 'message',
    role: 'assistant',
    content,
    ...stopFields(answer),
    ...(turn.hideUsage ? {} : { usage: fullUsage(turn, answer, answer.outputTokens) }),
  });
}

/** Arguments cut off by the token limit are not JSON: a real message then carries what could be read, here nothing. */
function argumentsOf(call: AnsweredCall): unknown {
  try {
    return JSON.parse(call.arguments);
  } catch {
    return {};
  }
}

const signatureOf = (turn: Turn): string => `${turn.random.base62(118)}==`;

function inputUsage(turn: Turn): Record<string, number> {
  const { cachedTokens, write5mTokens, write1hTokens } = turn.caching;
  const writes = write5mTokens + write1hTokens;
  const scaled = (tokens: number): number => Math.round(tokens * turn.billFactor);
  return {
    input_tokens: scaled(turn.prompt.inputTokens - cachedTokens - writes),
    cache_creation_input_tokens: scaled(writes),
    cache_read_input_tokens: scaled(cachedTokens),
  };
}

function fullUsage(turn: Turn, answer: Answer, outputTokens: number): JsonObject {
  return {
    ...inputUsage(turn),
    cache_creation: {
      ephemeral_5m_input_tokens: Math.round(turn.caching.write5mTokens * turn.billFactor),
      ephemeral_1h_input_tokens: Math.round(turn.caching.write1hTokens * turn.billFactor),
    },
    output_tokens: Math.round(outputTokens * turn.billFactor),
    ...thinkingUsage(turn, answer),
    service_tier: 'standard',
    inference_geo: 'not_available',
  };
}

function thinkingUsage(turn: Turn, answer: Answer): JsonObject {
  if (answer.thinking === '') return {};
  const tokens = estimateTokens(answer.thinking);
  return { output_tokens_details: { thinking_tokens: Math.round(tokens * turn.billFactor) } };
}

/** Writes the events of one Anthropic stream, padding spaces and all. */
class MessageFrames {
  private readonly frames: Frame[] = [];
  private index = 0;

  constructor(
    private readonly turn: Turn,
    private readonly answer: Answer,
  ) {}

  all(): readonly Frame[] {
    this.start();
    const { answer } = this;
    if (answer.thinking !== '') this.thinking(answer.thinking);
    if (answer.text !== '') this.text(answer.text);
    for (const call of answer.calls) this.call(call);
    if (this.index === 0) this.ping();
    const usage = this.turn.hideUsage
      ? {}
      : {
          usage: {
            ...(OLD_MODEL.test(this.turn.prompt.model) ? {} : inputUsage(this.turn)),
            output_tokens: Math.round(answer.outputTokens * this.turn.billFactor),
            ...thinkingUsage(this.turn, answer),
          },
        };
    this.event('message_delta', { delta: stopFields(answer), ...usage });
    this.event('message_stop', {});
    return this.frames;
  }

  private start(): void {
    const message = {
      model: datedName(this.turn.prompt.model),
      id: messageId(this.turn),
      type: 'message',
      role: 'assistant',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      ...(this.turn.hideUsage ? {} : { usage: this.firstUsage() }),
    };
    this.event('message_start', { message });
  }

  private firstUsage(): JsonObject {
    const usage = fullUsage(this.turn, { ...this.answer, thinking: '' }, 1);
    return this.turn.lateInput ? { ...usage, input_tokens: Math.floor(Number(usage['input_tokens']) / 2) } : usage;
  }

  private thinking(text: string): void {
    this.block({ type: 'thinking', thinking: '', signature: '' }, () => {
      for (const piece of this.regrouped(text)) this.delta({ type: 'thinking_delta', thinking: piece }, piece);
      this.delta({ type: 'signature_delta', signature: signatureOf(this.turn) }, '');
    });
  }

  private text(text: string): void {
    this.block({ type: 'text', text: '' }, () => {
      for (const piece of this.regrouped(text)) this.delta({ type: 'text_delta', text: piece }, piece);
    });
  }

  private call(call: AnsweredCall): void {
    const block = {
      type: 'tool_use',
      id: toolUseId(this.turn),
      name: call.name,
      input: {},
      caller: { type: 'direct' },
    };
    this.block(block, () => {
      this.delta({ type: 'input_json_delta', partial_json: '' }, '');
      // A call without arguments sends the empty piece and nothing more.
      const written = call.arguments === '{}' ? '' : call.arguments;
      for (const piece of this.regrouped(written)) this.delta({ type: 'input_json_delta', partial_json: piece }, piece);
    });
  }

  private block(block: JsonObject, deltas: () => void): void {
    this.event('content_block_start', { index: this.index, content_block: block });
    if (this.index === 0) this.ping();
    deltas();
    this.event('content_block_stop', { index: this.index });
    this.index += 1;
  }

  private regrouped(text: string): string[] {
    return regroup(piecesOf(text), () => 1 + this.turn.rhythm.below(9));
  }

  private delta(delta: JsonObject, piece: string): void {
    this.event('content_block_delta', { index: this.index, delta }, piece);
  }

  private ping(): void {
    this.frames.push(frame('event: ping\ndata: {"type": "ping"}\n\n'));
  }

  private event(type: string, fields: JsonObject, piece = ''): void {
    const json = JSON.stringify({ type, ...fields });
    const spaces = ' '.repeat(this.turn.random.below(10) === 0 ? 0 : 1 + this.turn.random.below(15));
    this.frames.push(frame(`event: ${type}\ndata: ${json.slice(0, -1)}${spaces}}\n\n`, piece));
  }
}
