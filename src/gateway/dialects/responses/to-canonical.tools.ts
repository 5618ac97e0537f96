import type { ChatBody, ChatTool, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asObject, asText, isObject, requireObject, requireText } from '../anthropic/to-canonical.fields';

/** Function tools and the choice among them. Tools that OpenAI runs itself have no counterpart elsewhere. */
export function toCanonicalTools(body: Readonly<JsonObject>): Partial<ChatBody> {
  const { tools, tool_choice: choice } = body;
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) {
    throw new InvalidRequestError('"tools" must be a list.', 'tools');
  }
  const own = (tools ?? []).map((tool: unknown, index: number) => toTool(tool, `tools[${index}]`));
  return { ...(own.length > 0 ? { tools: own } : {}), ...toChoice(choice) };
}

function toTool(value: unknown, param: string): ChatTool {
  const { type, name, description, parameters, strict } = requireObject(value, param);
  if (type !== 'function') throw notElsewhere(type, `${param}.type`);
  return {
    type: 'function',
    function: {
      name: requireText(name, `${param}.name`),
      ...(typeof description === 'string' && description !== '' ? { description } : {}),
      ...(isObject(parameters) ? { parameters } : {}),
      ...(strict === true ? { strict: true } : {}),
    },
  };
}

const notElsewhere = (type: unknown, param: string): InvalidRequestError =>
  new InvalidRequestError(
    `${param} "${asText(type).slice(0, 80)}" works at OpenAI only, and this model is served elsewhere: use function tools, or ask for a model of an OpenAI provider.`,
    param,
  );

function toChoice(choice: unknown): Partial<ChatBody> {
  if (choice === undefined || choice === null) return {};
  if (typeof choice === 'string') return { tool_choice: choice };
  const { type, name, mode, tools } = requireObject(choice, 'tool_choice');
  if (type === 'function') return { tool_choice: named(name, 'tool_choice.name') };
  if (type !== 'allowed_tools') throw notElsewhere(type, 'tool_choice.type');
  if (!Array.isArray(tools)) throw new InvalidRequestError('"tool_choice.tools" must be a list.', 'tool_choice.tools');
  const allowed = tools.map((tool: unknown, index) => {
    const param = `tool_choice.tools[${index}]`;
    const entry = asObject(tool);
    if (entry['type'] !== 'function') throw notElsewhere(entry['type'], `${param}.type`);
    return named(entry['name'], `${param}.name`);
  });
  return { tool_choice: { type: 'allowed_tools', allowed_tools: { mode: mode ?? 'auto', tools: allowed } } };
}

const named = (name: unknown, param: string): JsonObject => ({
  type: 'function',
  function: { name: requireText(name, param) },
});
