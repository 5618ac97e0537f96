import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';
import { INFERENCE_ERRORS, inferenceDocs, REPLY_HEADERS } from './inference.docs';

export const DocumentTokenCount = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs('application/json'),
    ApiOperation({
      summary: 'Anthropic token count',
      description:
        'Counted by Anthropic for its own models. For others, and when Anthropic does not answer, it is an estimate and `x-gateway-warnings` says so. Costs nothing.',
    }),
    ApiHeader({ name: 'anthropic-version', required: false, description: 'As Anthropic defines it.' }),
    ApiBody({
      schema: {
        type: 'object',
        required: ['model', 'messages'],
        additionalProperties: true,
        properties: {
          model: { type: 'string' },
          messages: { type: 'array', minItems: 1, items: { type: 'object' } },
          system: { description: 'Text, or a list of text blocks.' },
          tools: { type: 'array', items: { type: 'object' } },
        },
        example: { model: 'claude-sonnet-4-20250514', messages: [{ role: 'user', content: 'Say hello' }] },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'The number of input tokens.',
      headers: REPLY_HEADERS,
      schema: {
        type: 'object',
        required: ['input_tokens'],
        properties: { input_tokens: { type: 'integer' } },
        example: { input_tokens: 14 },
      },
    }),
    DocumentErrors(
      'anthropic',
      INFERENCE_ERRORS.filter((status) => status !== 409 && status !== 422),
    ),
  );
