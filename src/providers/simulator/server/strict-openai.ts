import { fieldsOf, listOf, numberOf, textOf, type JsonObject } from './loose-json';
import type { OpenAiProblem } from './openai-problem';
import type { Surface } from './prompt';
import { toolCallProblem } from './strict-tool-calls';

type Check = (body: JsonObject) => OpenAiProblem | null;

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const CHAT_FIELDS = words(
  'audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages metadata ' +
    'modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention ' +
    'reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature ' +
    'tool_choice tools top_logprobs top_p user verbosity web_search_options',
);
const RESPONSES_FIELDS = words(
  'background context_management conversation include input instructions max_output_tokens max_tool_calls metadata model ' +
    'parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning safety_identifier ' +
    'service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user',
);
const COMPLETION_FIELDS = words(
  'best_of echo frequency_penalty logit_bias logprobs max_tokens model n presence_penalty prompt seed stop stream ' +
    'stream_options suffix temperature top_p user',
);
const FIELDS = { chat: CHAT_FIELDS, responses: RESPONSES_FIELDS, completions: COMPLETION_FIELDS } as const;

const ROLES = ['system', 'assistant', 'user', 'function', 'tool', 'developer'];
const REASONING_MODEL = /^(?:o[1-9]|gpt-5)/;
const CHAT_MODEL = /^(?:gpt-(?:3\.5-turbo(?!-instruct)|4|5)|o[1-9])/;

/** What OpenAI would refuse, in its words. The first problem found is the one told. */
export function strictOpenAiProblem(surface: Exclude<Surface, 'messages'>, body: JsonObject): OpenAiProblem | null {
  const unknown = Object.keys(body).find((field) => !FIELDS[surface].has(field));
  if (unknown !== undefined)
    return { message: `Unknown parameter: '${unknown}'.`, param: unknown, code: 'unknown_parameter' };
  const checks = surface === 'chat' ? [...COMMON_CHECKS, ...CHAT_CHECKS] : COMMON_CHECKS;
  for (const check of checks) {
    const problem = check(body);
    if (problem !== null) return problem;
  }
  return surface === 'completions' ? completionModelProblem(body) : null;
}

const bounded =
  (field: string, low: number, high: number, kind: 'decimal' | 'integer'): Check =>
  (body) => {
    const value = numberOf(body[field]);
    if (value === null || (value >= low && value <= high)) return null;
    const above = value > high;
    return {
      message:
        `Invalid '${field}': ${kind} ${above ? 'above maximum' : 'below minimum'} value. ` +
        `Expected a value ${above ? `<= ${high}` : `>= ${low}`}, but got ${value} instead.`,
      param: field,
      code: `${kind}_${above ? 'above_max' : 'below_min'}_value`,
    };
  };

const COMMON_CHECKS: readonly Check[] = [
  bounded('temperature', 0, 2, 'decimal'),
  bounded('top_p', 0, 1, 'decimal'),
  bounded('presence_penalty', -2, 2, 'decimal'),
  bounded('frequency_penalty', -2, 2, 'decimal'),
  bounded('n', 1, 128, 'integer'),
  bounded('max_tokens', 1, Number.MAX_SAFE_INTEGER, 'integer'),
  bounded('max_completion_tokens', 1, Number.MAX_SAFE_INTEGER, 'integer'),
  bounded('max_output_tokens', 16, Number.MAX_SAFE_INTEGER, 'integer'),
  bounded('top_logprobs', 0, 20, 'integer'),
  streamOptionsProblem,
];

const CHAT_CHECKS: readonly Check[] = [
  emptyListProblem,
  roleProblem,
  toolFieldsProblem,
  stopProblem,
  reasoningModelProblem,
  jsonWordProblem,
  (body) => toolCallProblem(listOf(body['messages']).map(fieldsOf)),
];

function streamOptionsProblem(body: JsonObject): OpenAiProblem | null {
  if (body['stream_options'] === undefined || body['stream_options'] === null || body['stream'] === true) return null;
  const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  return { message, param: 'stream_options' };
}

function emptyListProblem(body: JsonObject): OpenAiProblem | null {
  const field = ['messages', 'tools'].find((name) => Array.isArray(body[name]) && listOf(body[name]).length === 0);
  if (field === undefined) return null;
  const message = `Invalid '${field}': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
  return { message, param: field, code: 'empty_array' };
}

function roleProblem(body: JsonObject): OpenAiProblem | null {
  const messages = listOf(body['messages']).map(fieldsOf);
  const index = messages.findIndex((message) => !ROLES.includes(textOf(message['role'])));
  if (index < 0) return null;
  const param = `messages[${index}].role`;
  const role = messages[index]?.['role'];
  if (role === undefined)
    return { message: `Missing required parameter: '${param}'.`, param, code: 'missing_required_parameter' };
  const known = `${ROLES.slice(0, -1)
    .map((name) => `'${name}'`)
    .join(', ')}, and 'developer'`;
  return {
    message: `Invalid value: ${typeof role === 'string' ? `'${role}'` : JSON.stringify(role)}. Supported values are: ${known}.`,
    param,
    code: 'invalid_value',
  };
}

function toolFieldsProblem(body: JsonObject): OpenAiProblem | null {
  if (body['tools'] !== undefined) return toolNameProblem(body);
  const field = ['tool_choice', 'parallel_tool_calls'].find((name) => body[name] !== undefined);
  if (field === undefined) return null;
  return {
    message: `Invalid value for '${field}': '${field}' is only allowed when 'tools' are specified.`,
    param: field,
  };
}

function toolNameProblem(body: JsonObject): OpenAiProblem | null {
  const tools = listOf(body['tools']).map(fieldsOf);
  const names = tools.map((tool) => textOf(fieldsOf(tool['function'])['name']));
  const index = tools.findIndex(
    (tool, position) => tool['type'] === 'function' && !/^[a-zA-Z0-9_-]+$/.test(names[position] ?? ''),
  );
  if (index >= 0) {
    const param = `tools[${index}].function.name`;
    const message = `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
    return { message, param, code: 'invalid_value' };
  }
  const chosen = textOf(fieldsOf(fieldsOf(body['tool_choice'])['function'])['name']);
  if (chosen === '' || names.includes(chosen)) return null;
  const message = `Invalid value for 'tool_choice': tool '${chosen}' was not found in 'tools'.`;
  return { message, param: 'tool_choice' };
}

function stopProblem(body: JsonObject): OpenAiProblem | null {
  const count = listOf(body['stop']).length;
  if (count <= 4) return null;
  const message = `Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length ${count} instead.`;
  return { message, param: 'stop', code: 'array_above_max_length' };
}

function reasoningModelProblem(body: JsonObject): OpenAiProblem | null {
  if (!REASONING_MODEL.test(textOf(body['model']))) return null;
  if (body['max_tokens'] !== undefined && body['max_tokens'] !== null) {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    return { message, param: 'max_tokens', code: 'unsupported_parameter' };
  }
  if (body['stop'] === undefined || body['stop'] === null) return null;
  const message = "Unsupported parameter: 'stop' is not supported with this model.";
  return { message, param: 'stop', code: 'unsupported_parameter' };
}

function jsonWordProblem(body: JsonObject): OpenAiProblem | null {
  if (fieldsOf(body['response_format'])['type'] !== 'json_object') return null;
  if (/json/i.test(JSON.stringify(body['messages']))) return null;
  const message =
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
  return { message, param: 'messages' };
}

function completionModelProblem(body: JsonObject): OpenAiProblem | null {
  if (!CHAT_MODEL.test(textOf(body['model']))) return null;
  const message =
    'This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?';
  return { message, param: 'model', status: 404 };
}
