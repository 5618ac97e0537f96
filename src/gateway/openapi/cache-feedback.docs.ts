import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';
import { inferenceDocs } from './inference.docs';

export const DocumentCacheFeedback = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs('application/json'),
    ApiOperation({
      summary: 'Verdict on a replayed answer',
      description:
        'A wrong answer is evicted; when it was the answer to a similar question, both questions are kept from standing in for others. Only who shares the answer may judge it.',
    }),
    ApiBody({
      schema: {
        type: 'object',
        required: ['request_id', 'verdict'],
        additionalProperties: false,
        properties: {
          request_id: { type: 'string', description: 'The `x-request-id` of the answer.' },
          verdict: { type: 'string', enum: ['wrong', 'right'] },
        },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'Noted.',
      schema: {
        type: 'object',
        properties: {
          request_id: { type: 'string' },
          verdict: { type: 'string' },
          evicted: { type: 'boolean' },
        },
      },
    }),
    DocumentErrors('openai', [400, 401, 404]),
  );
