import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { asList, asObject, asText, isObject, TOOL_NAME, type AnthropicBlock } from './anthropic.wire';
import type { AnthropicCapabilities } from './to-anthropic.capabilities';
import { toInputSchema, toStrictSchema } from './to-anthropic.schema';

export interface AnthropicTools {
  readonly tools: JsonObject[];
  /** Null: say nothing, which means `auto` when there are tools. */
  readonly choice: JsonObject | null;
}

/** Anthropic's own tools, by dated type; they pass as they are. */
const NATIVE_TOOL =
  /^(?:web_search|web_fetch|code_execution|bash|text_editor|computer|memory|advisor|tool_search_tool_(?:bm25|regex)|(?:browser|computer)_toolset)_\d{8}$/;

const WEB_SEARCH_TYPE = 'web_search_20250305';
/** Searches allowed for each `search_context_size`; each is billed. */
const MAX_SEARCHES: Readonly<Record<string, number>> = { low: 1, medium: 5, high: 10 };

/** Tools and tool choice in Anthropic's form. `calledTools` are the tools the history has calls of. */
export function toAnthropicTools(
  body: ChatBody,
  calledTools: readonly string[],
  capabilities: AnthropicCapabilities,
  warnings: string[],
): AnthropicTools {
  refuseLegacyFunctions(body);
  const all = asList(body.tools).map((tool, index) => toTool(tool, `tools[${index}]`, capabilities, warnings));
  if (isObject(body['web_search_options'])) all.push(webSearchTool(body['web_search_options']));
  requireUniqueNames(all);
  if (all.length === 0) return withoutTools(body, calledTools, warnings);
  const chosen = toChoice(body.tool_choice, all);
  if (!capabilities.forcedTools && (chosen.choice?.['type'] === 'any' || chosen.choice?.['type'] === 'tool')) {
    throw new InvalidRequestError('This model does not accept a forced tool. Send tool_choice "auto".', 'tool_choice');
  }
  return { tools: chosen.tools, choice: withParallel(body, chosen.choice) };
}

function refuseLegacyFunctions(body: ChatBody): void {
  for (const field of ['functions', 'function_call']) {
    const value = body[field];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    throw new InvalidRequestError(
      `${field}: the legacy functions API cannot be translated for this model. Use tools and tool_choice.`,
      field,
    );
  }
}

function toTool(tool: unknown, param: string, capabilities: AnthropicCapabilities, warnings: string[]): JsonObject {
  if (!isObject(tool)) throw new InvalidRequestError(`${param} must be an object.`, param);
  const { type } = tool;
  if (isObject(tool['function']) && (type === undefined || type === null || type === 'function')) {
    return toFunctionTool(tool, tool['function'], param, { capabilities, warnings });
  }
  if (typeof type === 'string' && NATIVE_TOOL.test(type)) return { ...tool };
  if (isObject(tool['input_schema']) && typeof tool['name'] === 'string') return { ...tool };
  throw new InvalidRequestError(
    `${param}.type "${asText(type).slice(0, 80)}" cannot be translated for this model. Use function tools, or one of Anthropic's own such as "${WEB_SEARCH_TYPE}".`,
    `${param}.type`,
  );
}

function toFunctionTool(
  tool: JsonObject,
  definition: JsonObject,
  param: string,
  context: { capabilities: AnthropicCapabilities; warnings: string[] },
): JsonObject {
  const { name, description, parameters, strict } = definition;
  const field = `${param}.function.name`;
  if (typeof name !== 'string' || !TOOL_NAME.test(name)) {
    throw new InvalidRequestError(`${field} must be 1 to 128 letters, digits, "_" or "-".`, field);
  }
  const schema = toInputSchema(parameters);
  if (!schema) {
    throw new InvalidRequestError(
      `${param}.function.parameters must describe an object.`,
      `${param}.function.parameters`,
    );
  }
  const isStrict = strict === true && context.capabilities.structuredOutputs;
  if (strict === true && !isStrict) context.warnings.push(`${param}.function.strict: not supported by this model`);
  const cacheControl = tool['cache_control'] ?? definition['cache_control'];
  return {
    name,
    ...describedAs(description),
    ...(isStrict ? { input_schema: toStrictSchema(schema), strict: true } : { input_schema: schema }),
    ...(isObject(cacheControl) ? { cache_control: cacheControl } : {}),
  };
}

const describedAs = (description: unknown): JsonObject =>
  typeof description === 'string' && description !== '' ? { description } : {};

function webSearchTool(options: JsonObject): JsonObject {
  const { search_context_size: size, user_location: location } = options;
  const tool: JsonObject = {
    type: WEB_SEARCH_TYPE,
    name: 'web_search',
    max_uses: MAX_SEARCHES[asText(size)] ?? MAX_SEARCHES['medium'],
  };
  const approximate = asObject(asObject(location)['approximate']);
  const known = ['city', 'country', 'region', 'timezone'].filter((field) => typeof approximate[field] === 'string');
  if (known.length > 0) {
    tool['user_location'] = {
      type: 'approximate',
      ...Object.fromEntries(known.map((field) => [field, approximate[field]])),
    };
  }
  return tool;
}

function requireUniqueNames(tools: readonly JsonObject[]): void {
  const seen = new Set<unknown>();
  for (const { name } of tools) {
    if (typeof name === 'string' && seen.has(name)) {
      throw new InvalidRequestError(`tools has two tools named "${name}"; give each its own name.`, 'tools');
    }
    seen.add(name);
  }
}

/** A history with tool calls needs tools, even when none may be called any more. */
function withoutTools(body: ChatBody, calledTools: readonly string[], warnings: string[]): AnthropicTools {
  const { tool_choice: choice } = body;
  if (choice === 'required' || isObject(choice)) {
    throw new InvalidRequestError(
      'tool_choice demands a tool, but tools is empty. Send tools, or leave tool_choice out.',
      'tool_choice',
    );
  }
  if (typeof choice === 'string' && choice !== 'none') warnings.push('tool_choice: there are no tools');
  if (calledTools.length === 0) return { tools: [], choice: null };
  const stubs = calledTools.map((name) => ({ name, input_schema: { type: 'object', properties: {} } }));
  return { tools: stubs, choice: { type: 'none' } };
}

interface Chosen {
  readonly tools: JsonObject[];
  readonly choice: JsonObject | null;
}

const SIMPLE_CHOICES: Readonly<Record<string, string>> = { auto: 'auto', required: 'any', any: 'any', none: 'none' };

function toChoice(choice: unknown, tools: JsonObject[]): Chosen {
  if (choice === undefined || choice === null) return { tools, choice: null };
  if (typeof choice === 'string') {
    const type = SIMPLE_CHOICES[choice];
    if (type) return { tools, choice: { type } };
    throw new InvalidRequestError(
      'tool_choice must be "auto", "required", "none" or an object naming a function.',
      'tool_choice',
    );
  }
  const { type, function: named, allowed_tools: allowed } = asObject(choice);
  if (type === 'allowed_tools') return allowedTools(asObject(allowed ?? choice), tools);
  const name = asText(asObject(named)['name']);
  if (type !== 'function' || name === '') {
    throw new InvalidRequestError(
      'tool_choice must name a function: {"type":"function","function":{"name":"…"}}.',
      'tool_choice',
    );
  }
  requireTool(name, tools, 'tool_choice.function.name');
  return { tools, choice: { type: 'tool', name } };
}

/** OpenAI's `allowed_tools`: a shorter list, with its own mode. */
function allowedTools(allowed: JsonObject, tools: JsonObject[]): Chosen {
  const { mode, tools: entries } = allowed;
  const names = new Set(
    asList(entries).map((entry) => asText(asObject(asObject(entry)['function'])['name'] ?? asObject(entry)['name'])),
  );
  if (names.size === 0)
    throw new InvalidRequestError('tool_choice.allowed_tools.tools must name at least one tool.', 'tool_choice');
  for (const name of names) requireTool(name, tools, 'tool_choice.allowed_tools');
  const kept = tools.filter(({ name }) => typeof name === 'string' && names.has(name));
  return { tools: kept, choice: { type: mode === 'required' ? 'any' : 'auto' } };
}

function requireTool(name: string, tools: readonly JsonObject[], param: string): void {
  if (tools.some((tool) => tool['name'] === name)) return;
  throw new InvalidRequestError(`${param} names "${name.slice(0, 80)}", which is not among tools.`, param);
}

function withParallel(body: ChatBody, choice: JsonObject | null): JsonObject | null {
  if (body.parallel_tool_calls !== false || choice?.['type'] === 'none') return choice;
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
}

/** Cache breakpoints the API takes in one request. */
const MAX_BREAKPOINTS = 4;

/** Keeps the last four breakpoints in prompt order (the longest prefixes) and takes the others away. */
export function limitBreakpoints(
  blocks: readonly (JsonObject | AnthropicBlock)[],
  reserved: number,
  warnings: string[],
): void {
  const marked = blocks.filter((block) => block['cache_control'] !== undefined);
  const surplus = marked.length + reserved - MAX_BREAKPOINTS;
  if (surplus <= 0) return;
  for (const block of marked.slice(0, surplus)) delete block['cache_control'];
  warnings.push(`cache_control: only ${MAX_BREAKPOINTS} breakpoints are possible, the first ${surplus} were left out`);
}
