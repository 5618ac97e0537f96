import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';

interface ErrorExample {
  readonly description: string;
  readonly type: string;
  readonly code: string;
  readonly param?: string;
  readonly message: string;
}

/** One example of each error of the contract; the Anthropic dialect says the same in its own shape. */
const ERRORS: Readonly<Record<number, ErrorExample>> = {
  400: {
    description:
      'The body is wrong: malformed JSON, a missing or mistyped field, nested too deep, duplicate keys; or the call cannot be priced (`budget_unpriceable`).',
    type: 'invalid_request_error',
    code: 'invalid_request_error',
    param: 'messages',
    message: '"messages" is required and must be a non-empty list.',
  },
  401: {
    description: 'The key is missing, unknown, revoked or expired.',
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    message: 'The API key is missing or not valid.',
  },
  403: {
    description: 'The key may not use this model.',
    type: 'invalid_request_error',
    code: 'model_not_allowed',
    param: 'model',
    message: 'This API key may not use model "gpt-4o".',
  },
  404: {
    description: 'There is no such model.',
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
    message: 'The model "gpt-4p" does not exist. Near names: gpt-4o, gpt-4o-mini.',
  },
  408: {
    description: 'The body of the request stopped arriving.',
    type: 'invalid_request_error',
    code: 'request_timeout',
    message: 'The request body did not arrive in time.',
  },
  409: {
    description: 'A request with the same `idempotency-key` is still being answered, or has left no answer.',
    type: 'invalid_request_error',
    code: 'idempotency_conflict',
    param: 'idempotency-key',
    message: 'A request with this idempotency-key is still being answered.',
  },
  413: {
    description: 'The body is larger than `server.max_body_bytes`.',
    type: 'invalid_request_error',
    code: 'request_too_large',
    message: 'The request body is larger than 10485760 bytes.',
  },
  422: {
    description: 'The `idempotency-key` was used with another body.',
    type: 'invalid_request_error',
    code: 'idempotency_conflict',
    param: 'idempotency-key',
    message: 'This idempotency-key was used with another body.',
  },
  429: {
    description:
      'A limit of the key, its user, team or department is used up; a budget is spent (`budget_exceeded`); or every provider asks for a wait.',
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: 'Rate limit of team "search" reached: 60 requests per minute. Retry in 7 s.',
  },
  500: {
    description: 'A fault of the gateway; its log has the details under the request id.',
    type: 'api_error',
    code: 'internal_error',
    message: 'Something went wrong inside the gateway. It is recorded under the request id of this answer.',
  },
  502: {
    description: 'No provider could answer; the message lists each attempt.',
    type: 'server_error',
    code: 'provider_error',
    message:
      'No provider could answer (openai/gpt-4o: http_500; anthropic/claude-sonnet-4-20250514: connection_failed).',
  },
  503: {
    description: 'The gateway is overloaded, or no provider is healthy.',
    type: 'server_error',
    code: 'no_healthy_provider',
    message: 'No healthy provider serves this model at the moment.',
  },
  504: {
    description: 'No provider answered in time.',
    type: 'server_error',
    code: 'provider_timeout',
    message: 'No provider answered in time (openai/gpt-4o: first_byte_timeout).',
  },
  508: {
    description: 'The address of a provider leads back to the gateway.',
    type: 'api_error',
    code: 'request_loop',
    message: 'This request has come through 3 gateways: the base_url of a provider leads back to the gateway.',
  },
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'invalid_request_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

function headerText(description: string): { description: string; schema: { type: 'string' } } {
  return { description, schema: { type: 'string' } };
}

const ERROR_HEADERS = {
  'x-request-id': headerText('Identifier of the request.'),
  'x-gateway-error-source': headerText('gateway or provider.'),
  'x-should-retry': headerText('false when no retry within a minute helps.'),
  'retry-after': headerText('Whole seconds, on 429 and 503 with a known wait.'),
  'retry-after-ms': headerText('The same, exact.'),
};

const nullableText = { type: 'string', nullable: true } as const;

function openAiResponse(status: number, { description, type, code, param, message }: ErrorExample): ApiResponseOptions {
  return {
    status,
    description,
    headers: ERROR_HEADERS,
    schema: {
      type: 'object',
      required: ['error'],
      properties: {
        error: {
          type: 'object',
          required: ['message', 'type', 'param', 'code'],
          properties: {
            message: { type: 'string' },
            type: { type: 'string' },
            param: nullableText,
            code: nullableText,
          },
        },
      },
      example: { error: { message, type, param: param ?? null, code } },
    },
  };
}

function anthropicResponse(status: number, { description, code, param, message }: ErrorExample): ApiResponseOptions {
  const type = ANTHROPIC_TYPES[status] ?? 'api_error';
  return {
    status,
    description,
    headers: ERROR_HEADERS,
    schema: {
      type: 'object',
      required: ['type', 'error', 'request_id'],
      properties: {
        type: { type: 'string', enum: ['error'] },
        error: {
          type: 'object',
          required: ['type', 'message'],
          properties: { type: { type: 'string' }, message: { type: 'string' }, details: { type: 'object' } },
        },
        request_id: { type: 'string' },
      },
      example: {
        type: 'error',
        error: { type, message, details: { code, param: param ?? null } },
        request_id: 'req_06fbq2n9k7m3s1t5v8w0x2y4z6',
      },
    },
  };
}

/** Documents the errors of a route in the dialect it speaks. */
export function DocumentErrors(dialect: 'openai' | 'anthropic', statuses: readonly number[]): MethodDecorator {
  const toResponse = dialect === 'openai' ? openAiResponse : anthropicResponse;
  return applyDecorators(
    ...statuses.flatMap((status) => {
      const example = ERRORS[status];
      return example ? [ApiResponse(toResponse(status, example))] : [];
    }),
  );
}
