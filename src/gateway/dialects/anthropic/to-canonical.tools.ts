import type { ChatBody, ChatTool, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asText, isObject, requireObject, requireText } from './to-canonical.fields';

/** Tools and tool choice; without tools a choice means nothing and is left out. */
export function toCanonicalTools(body: JsonObject): Partial<ChatBody> {
  const { tools, tool_choice: choice } = body;
  if (tools === undefined || tools === null) return {};
  if (!Array.isArray(tools)) throw new InvalidRequestError('tools must be an array.', 'tools');
  const own = tools.flatMap((tool: unknown, index) => (isToolSearch(tool) ? [] : [toTool(tool, `tools[${index}]`)]));
  return own.length > 0 ? { tools: own, ...toChoice(choice) } : {};
}

/** Finds tools whose definitions were deferred. Here all definitions are sent at once, so there is nothing to find. */
const isToolSearch = (tool: unknown): boolean => isObject(tool) && asText(tool['type']).startsWith('tool_search_tool_');

function toTool(value: unknown, param: string): ChatTool {
  const tool = requireObject(value, param);
  const { type, name, description, input_schema: schema, strict } = tool;
  if (type !== undefined && type !== null && type !== 'custom') {
    throw new InvalidRequestError(
      `${param}.type "${asText(type).slice(0, 80)}" runs at Anthropic or needs a Claude model. Send a tool with its own input_schema, or ask for a Claude model.`,
      `${param}.type`,
    );
  }
  return {
    type: 'function',
    function: {
      name: requireText(name, `${param}.name`),
      ...(typeof description === 'string' && description !== '' ? { description } : {}),
      parameters: isObject(schema) ? schema : { type: 'object', properties: {} },
      ...(strict === true ? { strict: true } : {}),
    },
  };
}

const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', none: 'none' };

function toChoice(value: unknown): Partial<ChatBody> {
  if (value === undefined || value === null) return {};
  const choice = requireObject(value, 'tool_choice');
  const { type, name, disable_parallel_tool_use: disablesParallel } = choice;
  const parallel = disablesParallel === true ? { parallel_tool_calls: false } : {};
  if (type === 'tool') {
    return {
      tool_choice: { type: 'function', function: { name: requireText(name, 'tool_choice.name') } },
      ...parallel,
    };
  }
  const word = CHOICES[asText(type)];
  if (word === undefined) {
    throw new InvalidRequestError('tool_choice.type must be auto, any, tool or none.', 'tool_choice.type');
  }
  return { tool_choice: word, ...parallel };
}
