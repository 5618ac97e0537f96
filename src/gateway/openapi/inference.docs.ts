import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiProduces, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';

export const INFERENCE_ERRORS = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 508] as const;

const text = (description: string, example?: string) => ({
  description,
  schema: { type: 'string' as const, ...(example === undefined ? {} : { example }) },
});

/** Headers of every answer (see docs/api.md). */
export const REPLY_HEADERS = {
  'x-request-id': text(
    'Identifier of the request; GET /api/v1/requests/{id} tells what happened.',
    'req_06fbq2n9k7m3s1t5v8w0x2y4z6',
  ),
  'x-gateway-provider': text('The provider that answered.', 'openai'),
  'x-gateway-model': text('The model that answered, in the provider’s words.', 'gpt-4o-2024-08-06'),
  'x-gateway-attempts': text('How many provider calls it took.', '1'),
  'x-gateway-fallback': text('Whether another target than the first one answered: true or false.', 'false'),
  'x-gateway-cache': text('hit, semantic-hit, stale-hit (every provider failed), miss or bypass.', 'bypass'),
  'idempotent-replayed': text('`true` when the answer of an earlier request with the same key is given again.', 'true'),
  'x-gateway-cost-usd': text('Cost in USD; JSON answers only, a stream carries it as usage.cost.', '0.0000165'),
  'x-gateway-overhead-ms': text('Milliseconds the gateway added.', '0.812'),
  'x-gateway-cache-similarity': text('On a hit: 1 for the same question.', '1.0000'),
  age: text('On a hit: seconds since the answer was made.', '12'),
  'cache-status': text('What the cache did (RFC 9211), when it is on.', 'ai-gateway; fwd=miss'),
  'x-gateway-max-tokens-clamped': text('The bound on the answer when a budget buys only a shorter one.', '512'),
  'x-gateway-warnings': text('What of the request was left out for this provider.'),
  'x-ratelimit-limit-requests': text('Requests a minute of the limit with the least left.', '60'),
  'x-ratelimit-remaining-requests': text('What is left of it.', '59'),
  'x-ratelimit-reset-requests': text('Until nothing of it is used.', '1s'),
  'x-ratelimit-limit-tokens': text('Tokens a minute of the limit with the least left.', '100000'),
  'x-ratelimit-remaining-tokens': text('What is left of it.', '99744'),
  'x-ratelimit-reset-tokens': text('Until nothing of it is used.', '6m0s'),
};

const REQUEST_HEADERS = [
  { name: 'x-gateway-fallback', description: '`off`: only the targets of the model itself.', required: false },
  {
    name: 'cache-control',
    description: '`no-cache` asks the provider, `no-store` keeps nothing, `max-age=N` takes no older answer.',
    required: false,
  },
  {
    name: 'x-gateway-cache-threshold',
    description: 'Similarity from which a cached answer may serve; may only be higher than the configured one.',
    required: false,
  },
  { name: 'x-gateway-timeout-ms', description: 'Bound on the whole call in milliseconds.', required: false },
  {
    name: 'x-gateway-metadata',
    description: 'JSON object of short strings, kept with the request for filtering.',
    required: false,
  },
  {
    name: 'idempotency-key',
    description: 'Requests with one key and one body are charged once and get one answer.',
    required: false,
  },
  { name: 'traceparent', description: 'W3C trace context; goes on to the provider.', required: false },
] as const;

/** What the documentation of every inference route begins with. */
export const inferenceDocs = (...produces: string[]): MethodDecorator =>
  applyDecorators(
    ApiTags('Inference'),
    ApiSecurity('bearer'),
    ApiSecurity('x-api-key'),
    ApiProduces(...(produces.length > 0 ? produces : ['application/json', 'text/event-stream'])),
    ...REQUEST_HEADERS.map((header) => ApiHeader(header)),
  );

const chatMessage = {
  type: 'object',
  required: ['role'],
  properties: {
    role: { type: 'string', enum: ['system', 'developer', 'user', 'assistant', 'tool', 'function'] },
    content: { description: 'Text, or a list of parts (text, image_url, file, …).', nullable: true },
    tool_calls: { type: 'array', items: { type: 'object' } },
    tool_call_id: { type: 'string' },
  },
};

const openAiUsage = {
  type: 'object',
  properties: {
    prompt_tokens: { type: 'integer' },
    completion_tokens: { type: 'integer' },
    total_tokens: { type: 'integer' },
  },
};

const chatRequest = {
  type: 'object',
  required: ['model', 'messages'],
  additionalProperties: true,
  properties: {
    model: { type: 'string', description: 'A model, an alias, or `provider/model`.' },
    messages: { type: 'array', minItems: 1, items: chatMessage },
    stream: { type: 'boolean', default: false },
    stream_options: { type: 'object', properties: { include_usage: { type: 'boolean' } } },
    max_completion_tokens: { type: 'integer', minimum: 1 },
    max_tokens: { type: 'integer', minimum: 1 },
    n: { type: 'integer', minimum: 1, maximum: 128 },
    temperature: { type: 'number', minimum: 0, maximum: 2 },
    tools: { type: 'array', items: { type: 'object' } },
    tool_choice: {},
    response_format: { type: 'object' },
    reasoning_effort: { type: 'string' },
  },
  example: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] },
};

const chatAnswer = {
  'application/json': {
    schema: {
      type: 'object',
      required: ['id', 'object', 'created', 'model', 'choices'],
      properties: {
        id: { type: 'string' },
        object: { type: 'string', enum: ['chat.completion'] },
        created: { type: 'integer' },
        model: { type: 'string' },
        choices: { type: 'array', items: { type: 'object' } },
        usage: openAiUsage,
      },
    },
    example: {
      id: 'chatcmpl-BZ1',
      object: 'chat.completion',
      created: 1735689600,
      model: 'gpt-4o-mini-2024-07-18',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
    },
  },
  'text/event-stream': { schema: { type: 'string' } },
};

const messagesRequest = {
  type: 'object',
  required: ['model', 'max_tokens', 'messages'],
  additionalProperties: true,
  properties: {
    model: { type: 'string' },
    max_tokens: { type: 'integer', minimum: 1 },
    messages: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['role', 'content'],
        properties: { role: { type: 'string', enum: ['user', 'assistant'] }, content: {} },
      },
    },
    system: { description: 'Text, or a list of text blocks.' },
    stream: { type: 'boolean', default: false },
    tools: { type: 'array', items: { type: 'object' } },
  },
  example: {
    model: 'claude-sonnet-4-20250514',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Say hello' }],
  },
};

const messagesAnswer = {
  'application/json': {
    schema: {
      type: 'object',
      required: ['id', 'type', 'role', 'content', 'model', 'usage'],
      properties: {
        id: { type: 'string' },
        type: { type: 'string', enum: ['message'] },
        role: { type: 'string', enum: ['assistant'] },
        content: { type: 'array', items: { type: 'object' } },
        model: { type: 'string' },
        stop_reason: { type: 'string', nullable: true },
        usage: {
          type: 'object',
          properties: { input_tokens: { type: 'integer' }, output_tokens: { type: 'integer' } },
        },
      },
    },
    example: {
      id: 'msg_01',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Hello!' }],
      model: 'claude-sonnet-4-20250514',
      stop_reason: 'end_turn',
      usage: { input_tokens: 9, output_tokens: 4 },
    },
  },
  'text/event-stream': { schema: { type: 'string' } },
};

export const DocumentChatCompletions = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs(),
    ApiOperation({
      summary: 'OpenAI Chat Completions',
      description:
        'Any model of any provider, JSON or server-sent events. Fields not listed here pass on to a provider of the same dialect as they are.',
    }),
    ApiBody({
      schema: chatRequest,
    }),
    ApiResponse({
      status: 200,
      description: 'The answer, or a stream of `chat.completion.chunk` events that ends with `data: [DONE]`.',
      headers: REPLY_HEADERS,
      content: chatAnswer,
    }),
    DocumentErrors('openai', INFERENCE_ERRORS),
  );

export const DocumentMessages = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs(),
    ApiOperation({
      summary: 'Anthropic Messages',
      description:
        'Any model of any provider, JSON or server-sent events. `anthropic-*` headers and unknown fields go to Anthropic untouched.',
    }),
    ApiHeader({ name: 'anthropic-version', required: false, description: 'As Anthropic defines it.' }),
    ApiHeader({ name: 'anthropic-beta', required: false, description: 'As Anthropic defines it.' }),
    ApiBody({
      schema: messagesRequest,
    }),
    ApiResponse({
      status: 200,
      description: 'The message, or a stream of events from `message_start` to `message_stop`.',
      headers: { ...REPLY_HEADERS, 'request-id': text('The same as x-request-id.') },
      content: messagesAnswer,
    }),
    DocumentErrors('anthropic', INFERENCE_ERRORS),
  );
