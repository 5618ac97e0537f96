import { fieldsOf, listOf, numberOf, textOf, type JsonObject } from './loose-json';
import { reasoningTokensFor, type AnswerFormat, type Prompt } from './prompt';
import { contentText, estimateReadTokens, lastUserText, toolChoiceOf, toToolSpec } from './read-chat-prompt';

export function readResponsesPrompt(body: JsonObject): Prompt {
  const input = body['input'];
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : listOf(input).map(fieldsOf);
  const model = textOf(body['model']);
  const maxTokens = numberOf(body['max_output_tokens']);
  const effort = fieldsOf(body['reasoning'])['effort'];
  return {
    surface: 'responses',
    model,
    stream: body['stream'] === true,
    text: lastUserText(items),
    transcript: JSON.stringify([body['tools'], body['instructions'], items]),
    inputTokens: estimateReadTokens({ instructions: body['instructions'], items, tools: body['tools'] }),
    tools: listOf(body['tools'])
      .map(fieldsOf)
      .filter((tool) => tool['type'] === 'function')
      .map(toToolSpec),
    toolChoice: toolChoiceOf(body['tool_choice']),
    parallelTools: body['parallel_tool_calls'] !== false,
    toolResults: trailingOutputs(items),
    format: formatOf(fieldsOf(fieldsOf(body['text'])['format'])),
    choices: 1,
    stop: [],
    maxTokens,
    hiddenReasoningTokens: reasoningTokensFor(model, typeof effort === 'string' ? effort : null, maxTokens),
    thinkingBudget: null,
    imageCount: countImages(items),
  };
}

function trailingOutputs(items: readonly JsonObject[]): string[] {
  const results: string[] = [];
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const item = fieldsOf(items[index]);
    if (item['type'] !== 'function_call_output') break;
    results.unshift(contentText(item['output']));
  }
  return results;
}

function formatOf(format: JsonObject): AnswerFormat | null {
  if (format['type'] === 'json_object') return { kind: 'json_object' };
  return format['type'] === 'json_schema' ? { kind: 'json_schema', schema: fieldsOf(format['schema']) } : null;
}

function countImages(items: readonly JsonObject[]): number {
  let count = 0;
  for (const item of items)
    for (const part of listOf(item['content'])) if (fieldsOf(part)['type'] === 'input_image') count += 1;
  return count;
}
