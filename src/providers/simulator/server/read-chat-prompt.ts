import { estimateJsonTokens, estimateTokens } from '../../../core/tokens';
import { fieldsOf, listOf, numberOf, stringsOf, textOf, type JsonObject } from './loose-json';
import { reasoningTokensFor, type AnswerFormat, type Prompt, type ToolChoice, type ToolSpec } from './prompt';

const NO_PARAMETERS: JsonObject = Object.freeze({ type: 'object', properties: {} });

export function readChatPrompt(body: JsonObject): Prompt {
  const messages = listOf(body['messages']).map(fieldsOf);
  const model = textOf(body['model']);
  const maxTokens = numberOf(body['max_completion_tokens']) ?? numberOf(body['max_tokens']);
  const read = { messages, tools: body['tools'], functions: body['functions'], format: body['response_format'] };
  const effort = body['reasoning_effort'];
  return {
    surface: 'chat',
    model,
    stream: body['stream'] === true,
    text: lastUserText(messages),
    transcript: JSON.stringify([read.tools, read.functions, messages, body['seed']]),
    inputTokens: estimateReadTokens(read),
    tools: [...toolsOf(body['tools']), ...legacyTools(body['functions'])],
    toolChoice: toolChoiceOf(body['tool_choice'] ?? body['function_call']),
    parallelTools: body['parallel_tool_calls'] !== false && body['functions'] === undefined,
    toolResults: trailingToolResults(messages),
    format: formatOf(body['response_format']),
    choices: Math.min(Math.max(numberOf(body['n']) ?? 1, 1), 128),
    stop: stopOf(body['stop']),
    maxTokens,
    hiddenReasoningTokens: reasoningTokensFor(model, typeof effort === 'string' ? effort : null, maxTokens),
    thinkingBudget: null,
    imageCount: countImages(messages),
  };
}

export function readCompletionPrompt(body: JsonObject): Prompt {
  const prompt = body['prompt'];
  const text = typeof prompt === 'string' ? prompt : stringsOf(prompt).join('\n');
  return {
    surface: 'completions',
    model: textOf(body['model']),
    stream: body['stream'] === true,
    text,
    transcript: text,
    inputTokens: estimateTokens(text),
    tools: [],
    toolChoice: { mode: 'none', only: null },
    parallelTools: false,
    toolResults: [],
    format: null,
    choices: Math.min(Math.max(numberOf(body['n']) ?? 1, 1), 128),
    stop: stopOf(body['stop']),
    // The default of the completions endpoint.
    maxTokens: numberOf(body['max_tokens']) ?? 16,
    hiddenReasoningTokens: 0,
    thinkingBudget: null,
    imageCount: 0,
  };
}

/** Tokens of the parts of a request that are present. */
export function estimateReadTokens(parts: Readonly<Record<string, unknown>>): number {
  let tokens = 3;
  for (const part of Object.values(parts)) if (part !== undefined && part !== null) tokens += estimateJsonTokens(part);
  return tokens;
}

export const stopOf = (stop: unknown): readonly string[] => (typeof stop === 'string' ? [stop] : stringsOf(stop));

/** The text of a message's content: a string, or its text parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => textOf(fieldsOf(part)['text']))
    .filter((text) => text !== '')
    .join('\n');
}

export function lastUserText(messages: readonly JsonObject[]): string {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = fieldsOf(messages[index]);
    const text = message['role'] === 'user' ? contentText(message['content']) : '';
    if (text !== '') return text;
  }
  return contentText(messages.at(-1)?.['content']);
}

function trailingToolResults(messages: readonly JsonObject[]): string[] {
  const results: string[] = [];
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = fieldsOf(messages[index]);
    if (message['role'] !== 'tool' && message['role'] !== 'function') break;
    results.unshift(contentText(message['content']));
  }
  return results;
}

function countImages(messages: readonly JsonObject[]): number {
  let count = 0;
  for (const message of messages)
    for (const part of listOf(message['content'])) if (fieldsOf(part)['type'] === 'image_url') count += 1;
  return count;
}

function toolsOf(tools: unknown): ToolSpec[] {
  return listOf(tools)
    .map((tool) => fieldsOf(fieldsOf(tool)['function']))
    .filter((tool) => textOf(tool['name']) !== '')
    .map(toToolSpec);
}

const legacyTools = (functions: unknown): ToolSpec[] => listOf(functions).map(fieldsOf).map(toToolSpec);

export function toToolSpec(tool: JsonObject): ToolSpec {
  const parameters = fieldsOf(tool['parameters'] ?? tool['input_schema']);
  return {
    name: textOf(tool['name']),
    parameters: Object.keys(parameters).length === 0 ? NO_PARAMETERS : parameters,
  };
}

/** OpenAI's forms: a word, a named function (chat and Responses spelling, and the legacy `{ name }`), `allowed_tools`. */
export function toolChoiceOf(choice: unknown): ToolChoice {
  if (choice === 'none' || choice === 'required') return { mode: choice, only: null };
  const fields = fieldsOf(choice);
  if (fields['type'] === 'allowed_tools') {
    const allowed = fieldsOf(fields['allowed_tools'] ?? fields);
    const only = listOf(allowed['tools']).map((tool) => toolName(fieldsOf(tool)));
    return { mode: allowed['mode'] === 'required' ? 'required' : 'auto', only };
  }
  const name = toolName(fields);
  return name === '' ? { mode: 'auto', only: null } : { mode: 'required', only: [name] };
}

const toolName = (fields: JsonObject): string => textOf(fieldsOf(fields['function'])['name']) || textOf(fields['name']);

function formatOf(format: unknown): AnswerFormat | null {
  const fields = fieldsOf(format);
  if (fields['type'] === 'json_object') return { kind: 'json_object' };
  if (fields['type'] !== 'json_schema') return null;
  return { kind: 'json_schema', schema: fieldsOf(fieldsOf(fields['json_schema'])['schema']) };
}
