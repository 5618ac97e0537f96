import type { JsonObject } from '../../../core/chat';
import type { StreamEvent } from '../../../core/reply';
import { asObject, isObject } from '../anthropic/to-canonical.fields';
import { ResponsesEventWriter } from './from-canonical.stream';

/**
 * A canonical completion as a response object: the last event of its own stream, so that both forms of an answer are one
 * piece of code. Only the first choice has a place in the dialect.
 */
export function fromCompletion(completion: Readonly<JsonObject>, asked: Readonly<JsonObject>): JsonObject {
  const writer = new ResponsesEventWriter({ asked, inputTokensEstimate: null });
  const { choices, ...rest } = completion;
  const first = asObject(Array.isArray(choices) ? choices[0] : null);
  const message = asObject(first['message']);
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] : [];
  const delta = { ...message, tool_calls: calls.filter(isObject).map((call, index) => ({ ...call, index })) };
  const choice = { index: 0, delta, logprobs: first['logprobs'], finish_reason: first['finish_reason'] ?? 'stop' };
  writer.push(event('content', { ...rest, choices: [choice] }));
  const last = writer.push(event('end', null)).at(-1);
  return asObject(last?.['response']);
}

const event = (kind: StreamEvent['kind'], data: JsonObject | null): StreamEvent => ({
  kind,
  name: null,
  data,
  raw: null,
  usage: null,
  text: '',
  finish: null,
});
