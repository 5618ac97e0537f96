import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';
import { INFERENCE_ERRORS, inferenceDocs, REPLY_HEADERS } from './inference.docs';

const example = {
  id: 'resp_1',
  object: 'response',
  created_at: 1735689600,
  status: 'completed',
  model: 'gpt-4o-mini-2024-07-18',
  output: [
    {
      id: 'msg_1',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello!', annotations: [], logprobs: [] }],
    },
  ],
  usage: { input_tokens: 9, output_tokens: 2, total_tokens: 11 },
};

export const DocumentResponses = (): MethodDecorator =>
  applyDecorators(
    inferenceDocs(),
    ApiOperation({
      summary: 'OpenAI Responses',
      description:
        'Passed on as it is to providers of type `openai`; translated for all others, where state kept at OpenAI (`previous_response_id`, `conversation`, `prompt`, stored items and files) and the tools it runs are refused with a 400 that names the field. Answers are not kept: there is no route to fetch one.',
    }),
    ApiBody({
      schema: {
        type: 'object',
        required: ['model', 'input'],
        additionalProperties: true,
        properties: {
          model: { type: 'string', description: 'A model, an alias, or `provider/model`.' },
          input: { description: 'Text, or a list of items.' },
          instructions: { type: 'string', nullable: true },
          max_output_tokens: { type: 'integer', minimum: 1, nullable: true },
          stream: { type: 'boolean', default: false },
          tools: { type: 'array', items: { type: 'object' } },
          tool_choice: {},
          text: { type: 'object' },
          reasoning: { type: 'object' },
          previous_response_id: { type: 'string', nullable: true, description: 'Providers of type `openai` only.' },
        },
        example: { model: 'gpt-4o-mini', input: 'Say hello' },
      },
    }),
    ApiResponse({
      status: 200,
      description:
        'The response object, or a stream of events from `response.created` to `response.completed` or `response.incomplete`.',
      headers: REPLY_HEADERS,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['id', 'object', 'created_at', 'status', 'model', 'output'],
            properties: {
              id: { type: 'string' },
              object: { type: 'string', enum: ['response'] },
              created_at: { type: 'integer' },
              status: { type: 'string' },
              model: { type: 'string' },
              output: { type: 'array', items: { type: 'object' } },
              usage: {
                type: 'object',
                nullable: true,
                properties: { input_tokens: { type: 'integer' }, output_tokens: { type: 'integer' } },
              },
            },
          },
          example,
        },
        'text/event-stream': { schema: { type: 'string' } },
      },
    }),
    DocumentErrors('openai', INFERENCE_ERRORS),
  );
