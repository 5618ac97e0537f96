import type { Answer, AnsweredCall } from './answer';
import { frame, type Frame, type PreparedReply } from './frame';
import { fieldsOf, type JsonObject } from './loose-json';
import { datedName } from './models';
import { chatUsage } from './openai-usage';
import { openAiError, SERVER_ERROR_TEXT } from './error-replies';
import { piecesOf } from './pieces';
import type { Random } from './random';
import { hiddenTokensOfTurn, outputTokensOfTurn, type Turn } from './turn';
import { logprobsOf } from './logprobs';

const FINGERPRINT = 'fp_simulator1';
/** Random characters of the `obfuscation` field are cut from here. */
const OBFUSCATION = 'jx6IdNrb6WpKcuCfNxNZCm3X6XN4HAHOZVriSvG335ZVu4jmqr2y9kWOC9qE0q1sieddF0n1Fm09dLLk';

export function prepareChat(turn: Turn): PreparedReply {
  return {
    json: () => chatJson(turn),
    frames: () => new ChatFrames(turn).all(),
    errorWire: () => `data: ${openAiError(SERVER_ERROR_TEXT, 'server_error', null, null)}\n\n`,
    malformedWire: 'data: {"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"index":0,"del\n\n',
    outputTokens: outputTokensOfTurn(turn),
    headTokens: hiddenTokensOfTurn(turn),
  };
}

function chatJson(turn: Turn): string {
  return JSON.stringify({
    id: `chatcmpl-${turn.random.base62(29)}`,
    object: 'chat.completion',
    created: Math.floor(turn.nowMs / 1000),
    model: datedName(turn.prompt.model),
    choices: turn.answers.map((answer, index) => ({
      index,
      message: messageOf(answer, turn),
      logprobs: logprobsOf(piecesOf(answer.text), turn),
      finish_reason: finishReason(answer, turn),
    })),
    ...(turn.hideUsage ? {} : { usage: chatUsage(turn) }),
    service_tier: 'default',
    system_fingerprint: FINGERPRINT,
  });
}

const isLegacy = (turn: Turn): boolean => turn.body['functions'] !== undefined && turn.body['tools'] === undefined;

function messageOf(answer: Answer, turn: Turn): JsonObject {
  const silent = answer.refusal !== null || (answer.calls.length > 0 && answer.text === '');
  const message: Record<string, unknown> = { role: 'assistant', content: silent ? null : answer.text };
  if (answer.calls.length > 0 && isLegacy(turn)) message['function_call'] = answer.calls[0];
  else if (answer.calls.length > 0)
    message['tool_calls'] = answer.calls.map((call) => ({
      id: toolCallId(turn.random),
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    }));
  return { ...message, refusal: answer.refusal, annotations: [] };
}

export const toolCallId = (random: Random): string => `call_${random.base62(24)}`;

function finishReason(answer: Answer, turn: Turn): string {
  if (answer.finish === 'refusal') return 'stop';
  return answer.finish === 'tool_calls' && isLegacy(turn) ? 'function_call' : answer.finish;
}

/** Writes the chunks of one chat stream; the fields that never change are serialised once. */
class ChatFrames {
  private readonly head: string;
  private readonly usageAsked: boolean;
  private readonly usageField: string;
  private readonly obfuscated: boolean;

  constructor(private readonly turn: Turn) {
    const fixed = {
      id: `chatcmpl-${turn.random.base62(29)}`,
      object: 'chat.completion.chunk',
      created: Math.floor(turn.nowMs / 1000),
      model: datedName(turn.prompt.model),
      service_tier: 'default',
      system_fingerprint: FINGERPRINT,
    };
    const options = fieldsOf(turn.body['stream_options']);
    this.head = `data: ${JSON.stringify(fixed).slice(0, -1)},"choices":[`;
    this.usageAsked = options['include_usage'] === true;
    this.usageField = this.usageAsked ? ',"usage":null' : '';
    this.obfuscated = options['include_obfuscation'] !== false;
  }

  all(): Frame[] {
    const rows = this.turn.answers.map((answer, index) => this.choice(answer, index));
    const frames: Frame[] = [];
    const longest = Math.max(...rows.map((row) => row.length));
    for (let step = 0; step < longest; step += 1)
      for (const row of rows) {
        const next = row[step];
        if (next !== undefined) frames.push(next);
      }
    if (this.usageAsked && !this.turn.hideUsage)
      frames.push(frame(`${this.head}],"usage":${JSON.stringify(chatUsage(this.turn))}${this.padding()}}\n\n`));
    frames.push(frame('data: [DONE]\n\n'));
    return frames;
  }

  private choice(answer: Answer, index: number): Frame[] {
    const frames = this.opening(answer, index);
    for (const piece of piecesOf(answer.refusal ?? '')) frames.push(this.chunk(index, { refusal: piece }, null, piece));
    for (const piece of piecesOf(answer.text)) frames.push(this.chunk(index, { content: piece }, null, piece));
    if (isLegacy(this.turn)) this.legacyArguments(answer, index, frames);
    else this.toolArguments(answer, index, frames);
    frames.push(this.chunk(index, {}, finishReason(answer, this.turn)));
    return frames;
  }

  /** The first chunk: the role, and with tool calls the first of them, as recorded. */
  private opening(answer: Answer, index: number): Frame[] {
    const [first] = answer.calls;
    const role = { role: 'assistant' };
    if (first === undefined || answer.text !== '')
      return [this.chunk(index, { ...role, content: '', refusal: null }, null)];
    if (isLegacy(this.turn)) {
      const call = { name: first.name, arguments: '' };
      return [this.chunk(index, { ...role, content: null, function_call: call, refusal: null }, null, first.name)];
    }
    // Several calls are announced one by one; a single one comes with the role.
    if (answer.calls.length > 1) return [this.chunk(index, { ...role, content: null }, null)];
    const call = this.callStart(first, 0);
    return [this.chunk(index, { ...role, content: null, tool_calls: [call], refusal: null }, null, first.name)];
  }

  private callStart(call: AnsweredCall, order: number): JsonObject {
    const id = toolCallId(this.turn.random);
    return { index: order, id, type: 'function', function: { name: call.name, arguments: '' } };
  }

  private legacyArguments(answer: Answer, index: number, frames: Frame[]): void {
    for (const piece of piecesOf(answer.calls[0]?.arguments ?? ''))
      frames.push(this.chunk(index, { function_call: { arguments: piece } }, null, piece));
  }

  private toolArguments(answer: Answer, index: number, frames: Frame[]): void {
    const announced = answer.calls.length === 1 && answer.text === '';
    answer.calls.forEach((call, order) => {
      if (!announced) frames.push(this.chunk(index, { tool_calls: [this.callStart(call, order)] }, null, call.name));
      for (const piece of piecesOf(call.arguments))
        frames.push(this.chunk(index, { tool_calls: [{ index: order, function: { arguments: piece } }] }, null, piece));
    });
  }

  private chunk(index: number, delta: JsonObject, finish: string | null, piece = ''): Frame {
    const logprobs = 'content' in delta && piece !== '' ? logprobsOf([piece], this.turn) : null;
    const choice =
      `{"index":${index},"delta":${JSON.stringify(delta)},"logprobs":${JSON.stringify(logprobs)},` +
      `"finish_reason":${finish === null ? 'null' : `"${finish}"`}}`;
    return frame(`${this.head}${choice}]${this.usageField}${this.padding()}}\n\n`, piece);
  }

  private padding(): string {
    if (!this.obfuscated) return '';
    const start = this.turn.random.below(OBFUSCATION.length - 16);
    return `,"obfuscation":"${OBFUSCATION.slice(start, start + 1 + this.turn.random.below(12))}"`;
  }
}
