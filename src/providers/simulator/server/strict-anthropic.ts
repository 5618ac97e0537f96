import { fieldsOf, isObject, listOf, numberOf, textOf, type JsonObject } from './loose-json';
import { toolUseProblem } from './strict-tool-use';

type Check = (body: JsonObject) => string | null;

const FIELDS = new Set(
  (
    'cache_control container context_management inference_geo max_tokens mcp_servers messages metadata model output_config ' +
    'output_format service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p'
  ).split(' '),
);
const MOST_BREAKPOINTS = 4;
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
/** Generations that accept a system message inside the conversation. */
const SYSTEM_INSIDE = /opus-(?:4-[89]|[5-9])|fable|mythos/;

/** What Anthropic would refuse, in its words. The first problem found is the one told. */
export function strictAnthropicProblem(body: JsonObject): string | null {
  for (const check of CHECKS) {
    const problem = check(body);
    if (problem !== null) return problem;
  }
  return null;
}

const CHECKS: readonly Check[] = [
  fieldProblem,
  numberProblem,
  roleProblem,
  emptyTextProblem,
  contentProblem,
  toolsProblem,
  thinkingProblem,
  breakpointProblem,
  (body) => toolUseProblem(messagesOf(body)),
];

const messagesOf = (body: JsonObject): readonly JsonObject[] => listOf(body['messages']).map(fieldsOf);

function fieldProblem(body: JsonObject): string | null {
  if (body['max_tokens'] === undefined) return 'max_tokens: Field required';
  const unknown = Object.keys(body).find((field) => !FIELDS.has(field));
  return unknown === undefined ? null : `${unknown}: Extra inputs are not permitted`;
}

function numberProblem(body: JsonObject): string | null {
  const maxTokens = numberOf(body['max_tokens']);
  if (maxTokens === null) return 'max_tokens: Input should be a valid integer';
  if (maxTokens < 1) return 'max_tokens: Input should be greater than or equal to 1';
  for (const field of ['temperature', 'top_p']) {
    const value = body[field];
    if (value === undefined) continue;
    if (numberOf(value) === null) return `${field}: Input should be a valid number`;
    if (Number(value) > 1) return `${field}: Input should be less than or equal to 1`;
    if (Number(value) < 0) return `${field}: Input should be greater than or equal to 0`;
  }
  if (body['stop_sequences'] === undefined) return null;
  const blank = listOf(body['stop_sequences']).findIndex((sequence) => textOf(sequence).trim() === '');
  return blank < 0 ? null : 'stop_sequences: each stop sequence must contain non-whitespace';
}

function roleProblem(body: JsonObject): string | null {
  const messages = messagesOf(body);
  if (messages.length === 0) return 'messages: at least one message is required';
  const systemAllowed = SYSTEM_INSIDE.test(textOf(body['model']));
  for (const [index, message] of messages.entries()) {
    const role = message['role'];
    if (role === 'system' && !systemAllowed)
      return 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.';
    if (role !== 'user' && role !== 'assistant' && role !== 'system')
      return `messages.${index}.role: Input should be 'user' or 'assistant'`;
    const extra = Object.keys(message).find((field) => field !== 'role' && field !== 'content');
    if (extra !== undefined) return `messages.${index}.${extra}: Extra inputs are not permitted`;
  }
  return messages[0]?.['role'] === 'assistant' ? 'messages: first message must use the "user" role' : null;
}

const isEmptyText = (block: JsonObject): boolean => block['type'] === 'text' && textOf(block['text']) === '';

function emptyTextProblem(body: JsonObject): string | null {
  if (listOf(body['system']).map(fieldsOf).some(isEmptyText)) return 'system: text content blocks must be non-empty';
  for (const message of messagesOf(body)) {
    const blocks = listOf(message['content']).map(fieldsOf);
    const inner = blocks.flatMap((block) => listOf(block['content']).map(fieldsOf));
    if ([...blocks, ...inner].some(isEmptyText)) return 'messages: text content blocks must be non-empty';
    const blank = blocks.some((block) => block['type'] === 'text' && textOf(block['text']).trim() === '');
    if (blank) return 'messages: text content blocks must contain non-whitespace text';
  }
  return null;
}

function contentProblem(body: JsonObject): string | null {
  const messages = messagesOf(body);
  for (const [index, message] of messages.entries()) {
    const { content } = message;
    if (content === undefined || content === null) return `messages.${index}.content: Field required`;
    const empty = content === '' || (Array.isArray(content) && content.length === 0);
    const isLastAssistant = index === messages.length - 1 && message['role'] === 'assistant';
    if (empty && !isLastAssistant)
      return `messages.${index}: all messages must have non-empty content except for the optional final assistant message`;
  }
  return prefillProblem(messages.at(-1));
}

function prefillProblem(last: JsonObject | undefined): string | null {
  if (last?.['role'] !== 'assistant') return null;
  const block = fieldsOf(listOf(last['content']).at(-1));
  const text = typeof last['content'] === 'string' ? last['content'] : textOf(block['text']);
  return text === text.trimEnd() ? null : 'messages: final assistant content cannot end with trailing whitespace';
}

function toolsProblem(body: JsonObject): string | null {
  const tools = listOf(body['tools']).map(fieldsOf);
  const names = tools.map((tool) => textOf(tool['name']));
  for (const [index, tool] of tools.entries()) {
    const custom = tool['type'] === undefined || tool['type'] === 'custom';
    if (!custom) continue;
    if (!TOOL_NAME.test(names[index] ?? ''))
      return `tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`;
    if (!isObject(tool['input_schema'])) return `tools.${index}.custom.input_schema: Field required`;
    if (tool['input_schema']['type'] !== 'object') return `tools.${index}.custom.input_schema.type: Field required`;
  }
  if (new Set(names).size !== names.length) return 'tools: Tool names must be unique.';
  return toolChoiceProblem(fieldsOf(body['tool_choice']), names);
}

function toolChoiceProblem(choice: JsonObject, names: readonly string[]): string | null {
  const { type } = choice;
  if (type === undefined || type === 'none') return null;
  if (type === 'auto' && names.length > 0) return null;
  if (names.length === 0) return 'tool_choice: may only be specified while providing tools';
  if (type !== 'tool' || names.includes(textOf(choice['name']))) return null;
  return `Tool '${textOf(choice['name'])}' not found in provided tools`;
}

function thinkingProblem(body: JsonObject): string | null {
  const thinking = fieldsOf(body['thinking']);
  if (thinking['type'] !== 'enabled' && thinking['type'] !== 'adaptive') return null;
  const budget = numberOf(thinking['budget_tokens']);
  if (thinking['type'] === 'enabled') {
    if (budget === null) return 'thinking.enabled.budget_tokens: Field required';
    if (budget < 1024) return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024';
    if (budget >= Number(body['max_tokens']))
      return '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size';
  }
  if ((numberOf(body['temperature']) ?? 1) !== 1)
    return '`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#important-considerations-when-using-extended-thinking';
  const forced = ['any', 'tool'].includes(textOf(fieldsOf(body['tool_choice'])['type']));
  return forced ? 'Thinking may not be enabled when tool_choice forces tool use.' : null;
}

function breakpointProblem(body: JsonObject): string | null {
  const carriers = [
    body,
    ...listOf(body['tools']).map(fieldsOf),
    ...listOf(body['system']).map(fieldsOf),
    ...messagesOf(body).flatMap((message) => listOf(message['content']).map(fieldsOf)),
  ];
  const found = carriers.filter((carrier) => isObject(carrier['cache_control'])).length;
  if (found <= MOST_BREAKPOINTS) return null;
  return `A maximum of ${MOST_BREAKPOINTS} blocks with cache_control may be provided. Found ${found}.`;
}
