import { errorReply, type FixedReply } from './error-replies';
import type { JsonObject } from './loose-json';
import type { OpenAiProblem } from './openai-problem';
import type { Surface } from './prompt';
import type { Random } from './random';
import { strictAnthropicProblem } from './strict-anthropic';
import { strictOpenAiProblem } from './strict-openai';

/** What is wrong with a request, in the provider's words; null when it is fine. Only strict mode looks at details. */
export function validateRequest(
  surface: Surface,
  body: JsonObject,
  strict: boolean,
  random: Random,
): FixedReply | null {
  if (surface === 'messages') {
    const message = missingAnthropicField(body) ?? (strict ? strictAnthropicProblem(body) : null);
    return message === null ? null : errorReply('anthropic', 400, { message }, random);
  }
  const problem = missingOpenAiField(surface, body) ?? (strict ? strictOpenAiProblem(surface, body) : null);
  return problem === null ? null : errorReply('openai', problem.status ?? 400, problem, random);
}

function missingAnthropicField(body: JsonObject): string | null {
  if (typeof body['model'] !== 'string') return 'model: Field required';
  if (!Array.isArray(body['messages'])) return 'messages: Field required';
  return null;
}

const INPUT_FIELDS = { chat: 'messages', completions: 'prompt', responses: 'input' } as const;

function missingOpenAiField(surface: Exclude<Surface, 'messages'>, body: JsonObject): OpenAiProblem | null {
  if (typeof body['model'] !== 'string') return { message: 'you must provide a model parameter' };
  const field = INPUT_FIELDS[surface];
  const value = body[field];
  if (value === undefined)
    return {
      message: `Missing required parameter: '${field}'.`,
      param: field,
      code: 'missing_required_parameter',
    };
  if (surface !== 'chat' || Array.isArray(value)) return null;
  const type = value === null ? 'null' : typeof value;
  return {
    message: `Invalid type for 'messages': expected an array of objects, but got ${type === 'string' ? 'a string' : `an ${type}`} instead.`,
    param: 'messages',
    code: 'invalid_type',
  };
}
