import { errorReply, type ErrorDialect, type ErrorText, type FixedReply } from './error-replies';
import type { FaultPlan, ReplyFault } from './faults';
import type { Random } from './random';

export interface FaultContext {
  readonly dialect: ErrorDialect;
  readonly responses: boolean;
  readonly model: string;
  readonly inputTokens: number;
  readonly random: Random;
}

type Writer = (context: FaultContext, plan: FaultPlan) => FixedReply;

const say =
  (status: number, openai: ErrorText, anthropic: string): Writer =>
  (context) =>
    errorReply(context.dialect, status, context.dialect === 'openai' ? openai : { message: anthropic }, context.random);

/** The replies that stand for a whole answer. Texts are the recorded ones; those never recorded follow the documentation. */
const WRITERS: Partial<Record<ReplyFault, Writer>> = {
  '400': say(
    400,
    {
      message: "Invalid value: 'nobody'. Supported values are: 'system', 'assistant', 'user'.",
      param: 'messages[0].role',
      code: 'invalid_value',
    },
    'messages: roles must be user or assistant',
  ),
  '401': (context) => invalidKeyReply(context.dialect, 'sk-fault', context.random),
  '403': say(
    403,
    { message: 'Project does not have access to this model.', code: 'model_not_found' },
    'Your API key does not have permission to use the specified resource.',
  ),
  '404': (context) => missingModelReply(context),
  '429': rateLimited,
  quota: quotaReply,
  'too-large': tooLargeReply,
  context: contextReply,
  credit: say(
    400,
    {
      message: 'Your account is not active, please check your billing details on our website.',
      type: 'billing_not_active',
      code: 'billing_not_active',
    },
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ),
  '500': say(
    500,
    {
      message:
        'The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error. (Please include the request ID req_simulator in your email.)',
      type: 'server_error',
    },
    'Internal server error',
  ),
  '502': say(502, { message: 'Bad gateway.', type: 'server_error' }, 'Bad gateway'),
  '503': say(
    503,
    {
      message: 'The engine is currently overloaded, please try again later',
      type: 'server_error',
      code: 'service_unavailable',
    },
    'Service unavailable',
  ),
  '504': say(504, { message: 'Gateway timeout.', type: 'server_error' }, 'Gateway timeout'),
  '529': say(529, { message: 'Overloaded', type: 'server_error' }, 'Overloaded'),
  html502: () => htmlReply(502),
  html200: () => htmlReply(200),
  empty200: () => ({ status: 200, headers: {}, body: '', contentType: 'application/json' }),
  'wrong-shape': () => ({
    status: 200,
    headers: {},
    body: '{"choices":"none","content":7,"usage":[]}',
    contentType: 'application/json',
  }),
  redirect: () => ({
    status: 307,
    // The discard port: whoever follows the redirect finds nobody there.
    headers: { location: 'http://127.0.0.1:9/v1/redirected' },
    body: '',
    contentType: 'text/plain',
  }),
};

/** The reply a fault stands for; null for the faults of the connection and of the stream. */
export function faultReply(context: FaultContext, plan: FaultPlan): FixedReply | null {
  const writer = plan.reply === null ? undefined : WRITERS[plan.reply];
  return writer === undefined ? null : writer(context, plan);
}

export function invalidKeyReply(dialect: ErrorDialect, key: string, random: Random): FixedReply {
  if (dialect === 'anthropic') return errorReply(dialect, 401, { message: 'invalid x-api-key' }, random);
  const shown = key.length > 12 ? `${key.slice(0, 8)}*****${key.slice(-4)}` : key;
  const message = `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`;
  return errorReply(dialect, 401, { message, code: 'invalid_api_key' }, random);
}

export function missingModelReply(context: FaultContext): FixedReply {
  const { dialect, model, random } = context;
  if (dialect === 'anthropic') return errorReply(dialect, 404, { message: `model: ${model}` }, random);
  if (context.responses) {
    const message = `The requested model '${model}' does not exist.`;
    return errorReply(dialect, 400, { message, param: 'model', code: 'model_not_found' }, random);
  }
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return errorReply(dialect, 404, { message, code: 'model_not_found' }, random);
}

/** `retry-after` and `retry-after-ms` are sent only when the fault names them. */
function rateLimited(context: FaultContext, plan: FaultPlan): FixedReply {
  const headers: Record<string, string> = {};
  for (const name of ['retry-after', 'retry-after-ms']) {
    const value = plan.parameters.get(name);
    if (value !== undefined) headers[name] = value;
  }
  if (context.dialect === 'anthropic') {
    const message = "This request would exceed your account's rate limit. Please try again later.";
    return errorReply('anthropic', 429, { message }, context.random, headers);
  }
  const seconds = headers['retry-after'] ?? '0.174';
  const message =
    `Rate limit reached for ${context.model} in organization org-simulator on tokens per min (TPM): Limit 30000, ` +
    `Used 28039, Requested 3906. Please try again in ${seconds}s. Visit https://platform.openai.com/account/rate-limits to learn more.`;
  return errorReply('openai', 429, { message, type: 'tokens', code: 'rate_limit_exceeded' }, context.random, headers);
}

function quotaReply(context: FaultContext): FixedReply {
  if (context.dialect === 'anthropic')
    return errorReply(
      'anthropic',
      400,
      {
        message:
          'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
      },
      context.random,
    );
  const message =
    'You exceeded your current quota, please check your plan and billing details. For more information on this error, ' +
    'read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.';
  return errorReply('openai', 429, { message, type: 'insufficient_quota', code: 'insufficient_quota' }, context.random);
}

function tooLargeReply(context: FaultContext): FixedReply {
  if (context.dialect === 'anthropic') {
    const message = 'Request exceeds the maximum size';
    return errorReply('anthropic', 413, { message }, context.random, { 'x-should-retry': 'false' });
  }
  const message =
    `Request too large for ${context.model} in organization org-simulator on tokens per min (TPM): Limit 30000, ` +
    'Requested 36278. The input or output tokens must be reduced in order to run successfully. Visit ' +
    'https://platform.openai.com/account/rate-limits to learn more.';
  return errorReply('openai', 429, { message, type: 'tokens', code: 'rate_limit_exceeded' }, context.random);
}

function contextReply(context: FaultContext): FixedReply {
  if (context.dialect === 'anthropic') {
    const message = `prompt is too long: ${200_000 + context.inputTokens} tokens > 200000 maximum`;
    return errorReply('anthropic', 400, { message }, context.random);
  }
  const code = 'context_length_exceeded';
  if (context.responses) {
    const message = 'Your input exceeds the context window of this model. Please adjust your input and try again.';
    return errorReply('openai', 400, { message, param: 'input', code }, context.random);
  }
  const message =
    "This model's maximum context length is 8192 tokens. However, your messages resulted in " +
    `${8192 + context.inputTokens} tokens. Please reduce the length of the messages.`;
  return errorReply('openai', 400, { message, param: 'messages', code }, context.random);
}

function htmlReply(status: number): FixedReply {
  const title = status === 200 ? 'Welcome' : `${status} Bad Gateway`;
  return {
    status,
    headers: {},
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`,
    contentType: 'text/html',
  };
}
