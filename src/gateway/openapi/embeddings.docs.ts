import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';
import { INFERENCE_ERRORS, inferenceDocs, REPLY_HEADERS } from './inference.docs';

export const DocumentEmbeddings = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs('application/json'),
    ApiOperation({
      summary: 'OpenAI Embeddings',
      description:
        'Passed on as it is. Falls back only to another provider of the very same model: vectors of different models cannot be compared. Providers without an embeddings API are skipped; when there is no other, the answer is a 400.',
    }),
    ApiBody({
      schema: {
        type: 'object',
        required: ['model', 'input'],
        additionalProperties: true,
        properties: {
          model: { type: 'string', description: 'A model, an alias, or `provider/model`.' },
          input: { description: 'A text, a list of texts, a list of token numbers, or a list of such lists.' },
          encoding_format: { type: 'string', enum: ['float', 'base64'], default: 'float' },
          dimensions: { type: 'integer', minimum: 1 },
        },
        example: { model: 'text-embedding-3-small', input: 'The food was delicious.' },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'The vectors, in the order of the input.',
      headers: REPLY_HEADERS,
      schema: {
        type: 'object',
        required: ['object', 'data', 'model'],
        properties: {
          object: { type: 'string', enum: ['list'] },
          data: { type: 'array', items: { type: 'object' } },
          model: { type: 'string' },
          usage: {
            type: 'object',
            properties: { prompt_tokens: { type: 'integer' }, total_tokens: { type: 'integer' } },
          },
        },
        example: {
          object: 'list',
          data: [{ object: 'embedding', index: 0, embedding: [0.0023, -0.0093, 0.0157] }],
          model: 'text-embedding-3-small',
          usage: { prompt_tokens: 6, total_tokens: 6 },
        },
      },
    }),
    DocumentErrors('openai', INFERENCE_ERRORS),
  );
