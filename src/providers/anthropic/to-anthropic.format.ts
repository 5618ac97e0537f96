import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { asObject, asText, isObject, TOOL_NAME, type AnthropicBlock } from './anthropic.wire';
import type { AnthropicCapabilities } from './to-anthropic.capabilities';
import { toInputSchema, toStrictSchema } from './to-anthropic.schema';
import type { AnthropicTools } from './to-anthropic.tools';

const JSON_INSTRUCTION: AnthropicBlock = {
  type: 'text',
  text: 'Answer with one valid JSON object and nothing else: no prose before or after it, no code fence.',
};

export interface AnswerFormat {
  /** `output_config.format`, or null. */
  readonly format: JsonObject | null;
  /** To be added to the system prompt. */
  readonly instruction: AnthropicBlock | null;
  /** The tool whose input is the answer, or null. */
  readonly jsonTool: string | null;
  readonly tools: AnthropicTools;
}

/** `response_format` in Anthropic's form: a format, a stand-in tool (models without formats), or an instruction. */
export function toAnswerFormat(
  body: ChatBody,
  tools: AnthropicTools,
  capabilities: AnthropicCapabilities,
): AnswerFormat {
  const plain: AnswerFormat = { format: null, instruction: null, jsonTool: null, tools };
  const { response_format: asked } = body;
  if (!isObject(asked)) return plain;
  const { type } = asked;
  if (type === 'text') return plain;
  if (type === 'json_object') return { ...plain, instruction: { ...JSON_INSTRUCTION } };
  if (type !== 'json_schema') {
    throw new InvalidRequestError(
      'response_format.type must be text, json_object or json_schema.',
      'response_format.type',
    );
  }
  const { name, description, schema } = asObject(asked['json_schema']);
  if (!isObject(schema)) {
    throw new InvalidRequestError(
      'response_format.json_schema.schema must be a JSON schema.',
      'response_format.json_schema.schema',
    );
  }
  if (capabilities.structuredOutputs) {
    return { ...plain, format: { type: 'json_schema', schema: toStrictSchema(schema) } };
  }
  const jsonTool = standInTool(asText(name), asText(description), schema, tools);
  return jsonTool ? { ...plain, ...jsonTool } : plain;
}

/**
 * A tool the model must call with the answer as input. Beside the client's own tools it is one choice among them; a
 * client that forces one of its tools gets that call and no JSON answer, as it would from OpenAI.
 */
function standInTool(
  name: string,
  description: string,
  schema: JsonObject,
  own: AnthropicTools,
): Pick<AnswerFormat, 'jsonTool' | 'tools'> | null {
  const choice = own.choice?.['type'];
  if (choice === 'any' || choice === 'tool') return null;
  const inputSchema = toInputSchema(schema);
  if (!inputSchema) {
    throw new InvalidRequestError(
      'response_format.json_schema.schema must describe an object for this model.',
      'response_format.json_schema.schema',
    );
  }
  const jsonTool = freeName(name, own.tools);
  const tool: JsonObject = {
    name: jsonTool,
    description: description === '' ? 'Gives the final answer to the user, in the form asked for.' : description,
    input_schema: inputSchema,
  };
  const isOnlyChoice = own.tools.length === 0 || choice === 'none';
  return {
    jsonTool,
    tools: {
      tools: [...own.tools, tool],
      choice: isOnlyChoice
        ? { type: 'tool', name: jsonTool }
        : {
            type: 'any',
            ...(own.choice?.['disable_parallel_tool_use'] === true ? { disable_parallel_tool_use: true } : {}),
          },
    },
  };
}

function freeName(name: string, tools: readonly JsonObject[]): string {
  let candidate = TOOL_NAME.test(name) ? name : 'json_answer';
  while (tools.some((tool) => tool['name'] === candidate)) candidate = `${candidate.slice(0, 120)}_answer`;
  return candidate;
}
