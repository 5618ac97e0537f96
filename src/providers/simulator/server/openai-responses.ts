import type { Answer, AnsweredCall } from './answer';
import { frame, type Frame, type PreparedReply } from './frame';
import { fieldsOf, type JsonObject } from './loose-json';
import { datedName } from './models';
import { toolCallId } from './openai-chat';
import { piecesOf } from './pieces';
import { hiddenTokensOfTurn, outputTokensOfTurn, type Turn } from './turn';

export function prepareResponse(turn: Turn): PreparedReply {
  const [answer] = turn.answers;
  if (answer === undefined) throw new RangeError('a response needs an answer');
  const writer = new ResponseWriter(turn, answer);
  return {
    json: () => JSON.stringify(writer.whole()),
    frames: () => writer.frames(),
    errorWire: errorEvent,
    malformedWire: 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","content_ind\n\n',
    outputTokens: outputTokensOfTurn(turn),
    headTokens: hiddenTokensOfTurn(turn),
  };
}

function errorEvent(sequence: number): string {
  const error = {
    type: 'server_error',
    code: 'server_error',
    message:
      'An error occurred while processing your request. You can retry your request, or contact us through our help center at help.openai.com if the error persists. Please include the request ID req_simulator in your message.',
    param: null,
  };
  return `event: error\ndata: ${JSON.stringify({ type: 'error', sequence_number: sequence, error })}\n\n`;
}

/** Writes one response object, whole or as the sequence of its events. */
class ResponseWriter {
  private readonly id: string;
  private readonly createdAt: number;
  private readonly output: JsonObject[] = [];
  private readonly events: Frame[] = [];
  private sequence = 0;

  constructor(
    private readonly turn: Turn,
    private readonly answer: Answer,
  ) {
    this.id = `resp_${turn.random.hex(48)}`;
    this.createdAt = Math.floor(turn.nowMs / 1000);
  }

  whole(): JsonObject {
    this.items();
    return this.envelope(this.finalStatus());
  }

  frames(): readonly Frame[] {
    this.event('response.created', { response: this.envelope('in_progress') });
    this.event('response.in_progress', { response: this.envelope('in_progress') });
    this.items();
    const status = this.finalStatus();
    this.event(`response.${status}`, { response: this.envelope(status) });
    return this.events;
  }

  private finalStatus(): string {
    return this.answer.finish === 'length' ? 'incomplete' : 'completed';
  }

  private items(): void {
    if (this.answer.hiddenReasoningTokens > 0) this.reasoning();
    const silent = this.answer.calls.length > 0 && this.answer.text === '';
    const empty = this.answer.finish === 'length' && this.answer.outputTokens === this.answer.hiddenReasoningTokens;
    if (!silent && !empty) this.message();
    for (const call of this.answer.calls) this.call(call);
  }

  private reasoning(): void {
    const item = { id: `rs_${this.turn.random.hex(48)}`, type: 'reasoning', summary: [] };
    this.event('response.output_item.added', { item, output_index: this.output.length });
    this.event('response.output_item.done', { item, output_index: this.output.length });
    this.output.push(item);
  }

  private message(): void {
    const { answer } = this;
    const place = { item_id: `msg_${this.turn.random.hex(48)}`, output_index: this.output.length, content_index: 0 };
    const head = { id: place.item_id, type: 'message' };
    const refused = answer.refusal !== null;
    const text = answer.refusal ?? answer.text;
    const part = (value: string): JsonObject =>
      refused
        ? { type: 'refusal', refusal: value }
        : { type: 'output_text', annotations: [], logprobs: [], text: value };
    const added = { ...head, status: 'in_progress', content: [], role: 'assistant' };
    this.event('response.output_item.added', { item: added, output_index: place.output_index });
    this.event('response.content_part.added', { ...place, part: part('') });
    const kind = refused ? 'response.refusal' : 'response.output_text';
    const logprobs = refused ? {} : { logprobs: [] };
    for (const piece of piecesOf(text))
      this.event(`${kind}.delta`, { ...place, delta: piece, ...logprobs, obfuscation: this.padding() }, piece);
    this.event(`${kind}.done`, { ...place, ...logprobs, ...(refused ? { refusal: text } : { text }) });
    this.event('response.content_part.done', { ...place, part: part(text) });
    const status = this.finalStatus();
    this.done({ ...head, status, content: [part(text)], role: 'assistant' });
  }

  private call(call: AnsweredCall): void {
    const place = { item_id: `fc_${this.turn.random.hex(48)}`, output_index: this.output.length };
    const head = { id: place.item_id, type: 'function_call' };
    const tail = { call_id: toolCallId(this.turn.random), name: call.name };
    const added = { ...head, status: 'in_progress', arguments: '', ...tail };
    this.event('response.output_item.added', { item: added, output_index: place.output_index });
    for (const piece of piecesOf(call.arguments))
      this.event(
        'response.function_call_arguments.delta',
        { ...place, delta: piece, obfuscation: this.padding() },
        piece,
      );
    this.event('response.function_call_arguments.done', { ...place, arguments: call.arguments });
    this.done({ ...head, status: this.finalStatus(), arguments: call.arguments, ...tail });
  }

  private done(item: JsonObject): void {
    this.event('response.output_item.done', { item, output_index: this.output.length });
    this.output.push(item);
  }

  private event(type: string, fields: JsonObject, piece = ''): void {
    if (!this.turn.prompt.stream) return;
    const json = JSON.stringify({ type, ...fields, sequence_number: this.sequence });
    this.sequence += 1;
    this.events.push(frame(`event: ${type}\ndata: ${json}\n\n`, piece));
  }

  private padding(): string {
    return this.turn.random.base62(1 + this.turn.random.below(15));
  }

  private envelope(status: string): JsonObject {
    const { body, prompt } = this.turn;
    const ended = status !== 'in_progress';
    return {
      id: this.id,
      object: 'response',
      created_at: this.createdAt,
      status,
      background: false,
      completed_at: status === 'completed' ? this.createdAt : null,
      error: null,
      frequency_penalty: 0,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      max_tool_calls: null,
      model: datedName(prompt.model),
      output: [...this.output],
      presence_penalty: 0,
      prompt_cache_retention: null,
      reasoning: { effort: fieldsOf(body['reasoning'])['effort'] ?? null, summary: null },
      service_tier: ended ? 'default' : 'auto',
      text: { format: { type: 'text' }, verbosity: 'medium', ...fieldsOf(body['text']) },
      top_logprobs: 0,
      truncation: 'disabled',
      ...echoed(body),
      usage: ended && !this.turn.hideUsage ? responseUsage(this.turn) : null,
    };
  }
}

/** Fields of the request that the answer repeats, with the values of those that were not sent. */
const ECHOED = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  safety_identifier: null,
  store: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  user: null,
};

const echoed = (body: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(ECHOED).map(([field, fallback]) => [field, body[field] ?? fallback]));

function responseUsage(turn: Turn): JsonObject {
  const scaled = (tokens: number): number => Math.round(tokens * turn.billFactor);
  const input = scaled(turn.prompt.inputTokens);
  const output = scaled(outputTokensOfTurn(turn));
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: scaled(turn.caching.cachedTokens) },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: scaled(hiddenTokensOfTurn(turn)) },
    total_tokens: input + output,
  };
}
