import { fieldsOf, listOf, numberOf, stringsOf, textOf, type JsonObject } from './loose-json';
import type { AnswerFormat, Prompt, ToolChoice } from './prompt';
import { contentText, estimateReadTokens, lastUserText, toToolSpec } from './read-chat-prompt';

const DEFAULT_THINKING_BUDGET = 1024;

export function readMessagesPrompt(body: JsonObject): Prompt {
  const messages = listOf(body['messages']).map(fieldsOf);
  const choice = fieldsOf(body['tool_choice']);
  return {
    surface: 'messages',
    model: textOf(body['model']),
    stream: body['stream'] === true,
    text: lastUserText(messages),
    transcript: JSON.stringify([body['tools'], body['system'], messages]),
    inputTokens: countMessageTokens(body),
    tools: listOf(body['tools'])
      .map(fieldsOf)
      .filter((tool) => tool['input_schema'] !== undefined)
      .map(toToolSpec),
    toolChoice: toolChoiceOf(choice),
    parallelTools: choice['disable_parallel_tool_use'] !== true,
    toolResults: lastToolResults(messages),
    format: formatOf(body),
    choices: 1,
    stop: stringsOf(body['stop_sequences']),
    maxTokens: numberOf(body['max_tokens']),
    hiddenReasoningTokens: 0,
    thinkingBudget: thinkingBudgetOf(fieldsOf(body['thinking'])),
    imageCount: countImages(messages),
  };
}

/** What `count_tokens` answers, and what a call is billed for as input. */
export const countMessageTokens = (body: JsonObject): number =>
  estimateReadTokens({ system: body['system'], messages: body['messages'], tools: body['tools'] });

function toolChoiceOf(choice: JsonObject): ToolChoice {
  if (choice['type'] === 'tool') return { mode: 'required', only: [textOf(choice['name'])] };
  if (choice['type'] === 'any') return { mode: 'required', only: null };
  return { mode: choice['type'] === 'none' ? 'none' : 'auto', only: null };
}

function lastToolResults(messages: readonly JsonObject[]): string[] {
  const last = messages.at(-1);
  if (last?.['role'] !== 'user') return [];
  return listOf(last['content'])
    .map(fieldsOf)
    .filter((block) => block['type'] === 'tool_result')
    .map((block) => contentText(block['content']));
}

function formatOf(body: JsonObject): AnswerFormat | null {
  const format = fieldsOf(fieldsOf(body['output_config'])['format'] ?? body['output_format']);
  return format['type'] === 'json_schema' ? { kind: 'json_schema', schema: fieldsOf(format['schema']) } : null;
}

function thinkingBudgetOf(thinking: JsonObject): number | null {
  if (thinking['type'] === 'adaptive') return DEFAULT_THINKING_BUDGET;
  if (thinking['type'] !== 'enabled') return null;
  return numberOf(thinking['budget_tokens']) ?? DEFAULT_THINKING_BUDGET;
}

function countImages(messages: readonly JsonObject[]): number {
  let count = 0;
  for (const message of messages)
    for (const block of listOf(message['content'])) if (fieldsOf(block)['type'] === 'image') count += 1;
  return count;
}
