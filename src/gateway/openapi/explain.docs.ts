import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';
import { inferenceDocs } from './inference.docs';

const example = {
  request_id: 'req_06fbq2n9k7m3s1t5v8w0x2y4z6',
  identity: { key_id: 'key_06f…', user_id: null, team_id: 'team_06f…', department_id: 'dep_06f…' },
  request: { model: 'gpt-4o-mini', stream: false, estimated_input_tokens: 9, max_output_tokens: 100 },
  limits: { admitted: true, reserved_tokens: 109, degraded: false, levels: [] },
  cache: {
    status: 'miss',
    why: null,
    mode: 'balanced',
    threshold: 0.95,
    match: null,
    refused: [{ entry: '5f0c…', similarity: 0.968, reasons: ['opposite'] }],
  },
  route: [{ provider: 'openai', model: 'gpt-4o-mini', strategy: 'priority', score: 0, price_bound_usd: '0.00006135' }],
  price_version: 'c47b9ab6039da09b',
  config_version: 'bd55d6a7b26e',
};

export const DocumentExplain = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs('application/json'),
    ApiOperation({
      summary: 'What would be decided for a chat call',
      description:
        'Limits, what the cache would answer and which near questions it would refuse why, route order with scores and the price bound of each target. Calls no provider and takes nothing.',
    }),
    ApiBody({
      schema: {
        type: 'object',
        required: ['model', 'messages'],
        additionalProperties: true,
        properties: { model: { type: 'string' }, messages: { type: 'array', items: { type: 'object' } } },
        example: { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'Say hello' }] },
      },
    }),
    ApiResponse({ status: 200, description: 'Every decision.', schema: { type: 'object', example } }),
    DocumentErrors('openai', [400, 401, 403, 404, 413]),
  );
