import { estimateTokens } from '../../../core/tokens';
import type { Call } from './call';
import { embedText } from './embed-text';
import { errorReply, type ErrorText } from './error-replies';
import { accountOf, planOf, refused } from './generation';
import { limitHeaders } from './limits';
import { isObject, listOf, numberOf, textOf, type JsonObject } from './loose-json';
import { firstByteMs, profileOf } from './profiles';
import type { ServerState } from './server-state';

const DIMENSIONS = new Map([
  ['text-embedding-3-small', 1536],
  ['text-embedding-3-large', 3072],
  ['text-embedding-ada-002', 1536],
]);
const DEFAULT_DIMENSIONS = 1536;
const MOST_INPUTS = 2_048;

/** `POST /v1/embeddings`. */
export async function embed(state: ServerState, call: Call, body: JsonObject): Promise<void> {
  const model = textOf(body['model']);
  const inputs = inputsOf(body['input']);
  const problem = problemOf(model, inputs, body);
  if (problem !== null) return call.sendFixed(errorReply('openai', 400, problem, call.random));
  const inputTokens = inputs.reduce((sum, input) => sum + input.tokens, 0);
  const plan = planOf(state, call, model, inputs.at(-1)?.text ?? '');
  if (plan === null) return;
  const subject = { prefix: call.target.prefix, model, path: call.target.path };
  const admission = state.limits.admit(accountOf(call), state.scenario.limitsFor(subject), inputTokens);
  Object.assign(call.headers, limitHeaders('openai', admission.state, state.now()), { 'openai-model': model });
  if (await refused(state, call, { surface: 'embeddings', model, inputTokens }, plan, admission)) return;
  const profile = profileOf('embeddings', model, false, state.scenario.profileFor(subject));
  if (!(await call.sleep(firstByteMs(profile, call.random) * state.speed))) return;
  call.entry.inputTokens = inputTokens;
  call.entry.billFactor = plan.billFactor;
  const billed = Math.round(inputTokens * plan.billFactor);
  const usage = plan.hideUsage ? {} : { usage: { prompt_tokens: billed, total_tokens: billed } };
  const data = inputs.map((input, index) => ({
    object: 'embedding',
    index,
    embedding: encode(input.text, model, body),
  }));
  const text = JSON.stringify({ object: 'list', data, model, ...usage });
  if (plan.reply === 'hang-after-headers') return hang(call);
  if (plan.reply === 'truncated-json') return cutShort(call, text);
  call.writeHead(200, plan.reply === 'wrong-type' ? 'text/plain' : 'application/json');
  call.finish(text);
}

async function hang(call: Call): Promise<void> {
  call.writeHead(200, 'application/json');
  call.response.flushHeaders();
  await call.untilClosed();
}

async function cutShort(call: Call, text: string): Promise<void> {
  call.writeHead(200, 'application/json');
  await call.write(text.slice(0, Math.floor(text.length / 2)));
  call.endEarly();
}

interface Input {
  readonly text: string;
  readonly tokens: number;
}

/** The four forms of `input`: a text, texts, one list of token numbers, several. */
function inputsOf(input: unknown): readonly Input[] {
  if (typeof input === 'string') return [fromText(input)];
  const items = listOf(input);
  if (items.length > 0 && items.every((item) => typeof item === 'number')) return [fromTokens(items)];
  return items.map((item) => (typeof item === 'string' ? fromText(item) : fromTokens(listOf(item))));
}

const fromText = (text: string): Input => ({ text, tokens: estimateTokens(text) });
const fromTokens = (tokens: readonly unknown[]): Input => ({
  text: tokens.map((token) => `token${String(token)}`).join(' '),
  tokens: tokens.length,
});

function problemOf(model: string, inputs: readonly Input[], body: JsonObject): ErrorText | null {
  if (model === '') return { message: 'you must provide a model parameter' };
  if (body['input'] === undefined)
    return { message: "Missing required parameter: 'input'.", param: 'input', code: 'missing_required_parameter' };
  if (inputs.length === 0 || inputs.length > MOST_INPUTS || isObject(body['input']))
    return {
      message: "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    };
  return dimensionsProblem(model, body['dimensions']);
}

/** Code and parameter of these errors are null, as recorded. */
function dimensionsProblem(model: string, dimensions: unknown): ErrorText | null {
  if (dimensions === undefined) return null;
  if (model === 'text-embedding-ada-002') return { message: 'This model does not support specifying dimensions.' };
  const most = DIMENSIONS.get(model) ?? DEFAULT_DIMENSIONS;
  const wanted = numberOf(dimensions);
  if (wanted !== null && Number.isInteger(wanted) && wanted >= 1 && wanted <= most) return null;
  return {
    message: `Invalid value for 'dimensions' = ${JSON.stringify(dimensions)}. Must be greater than 0 and less than or equal to ${most}.`,
  };
}

function encode(text: string, model: string, body: JsonObject): readonly number[] | string {
  const dimensions = numberOf(body['dimensions']) ?? DIMENSIONS.get(model) ?? DEFAULT_DIMENSIONS;
  const vector = embedText(text, dimensions);
  if (body['encoding_format'] === 'base64')
    return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
  return Array.from(vector, (value) => Number(value.toPrecision(8)));
}
