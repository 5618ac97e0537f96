import { fieldsOf, listOf, textOf, type JsonObject } from './loose-json';
import type { OpenAiProblem } from './openai-problem';

/** Every tool message answers a call of the assistant message before it, and every call is answered. */
export function toolCallProblem(messages: readonly JsonObject[]): OpenAiProblem | null {
  let open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      if (!open.delete(textOf(message['tool_call_id']))) return orphan(index);
      continue;
    }
    if (open.size > 0) return unanswered(open, index);
    open = callIds(message);
  }
  return open.size > 0 ? unanswered(open, messages.length - 1) : null;
}

const callIds = (message: JsonObject): Set<string> =>
  new Set(
    message['role'] === 'assistant' ? listOf(message['tool_calls']).map((call) => textOf(fieldsOf(call)['id'])) : [],
  );

const orphan = (index: number): OpenAiProblem => ({
  message: "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
  param: `messages.[${index}].role`,
});

const unanswered = (ids: ReadonlySet<string>, index: number): OpenAiProblem => ({
  message:
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
    `The following tool_call_ids did not have response messages: ${[...ids].join(', ')}`,
  param: `messages.[${index}].role`,
});
