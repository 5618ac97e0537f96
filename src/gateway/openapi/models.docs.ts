import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { DocumentErrors } from './errors.docs';

const model = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string' },
    object: { type: 'string', enum: ['model'] },
    created: { type: 'integer' },
    owned_by: { type: 'string' },
  },
  example: { id: 'gpt-4o-mini', object: 'model', created: 1704067200, owned_by: 'gateway' },
};

const shared = (): MethodDecorator =>
  applyDecorators(
    ApiTags('Inference'),
    ApiSecurity('bearer'),
    ApiHeader({
      name: 'anthropic-version',
      required: false,
      description: 'When present, the answer has Anthropic’s shape.',
    }),
  );

export const DocumentModels = (): MethodDecorator =>
  applyDecorators(
    shared(),
    ApiOperation({ summary: 'The models this key may use' }),
    ApiResponse({
      status: 200,
      description: 'Models, aliases included, in the order of the configuration.',
      schema: { type: 'object', properties: { object: { type: 'string' }, data: { type: 'array', items: model } } },
    }),
    DocumentErrors('openai', [401]),
  );

export const DocumentModel = (): MethodDecorator =>
  applyDecorators(
    shared(),
    ApiOperation({ summary: 'One model' }),
    ApiParam({ name: 'id', example: 'gpt-4o-mini' }),
    ApiResponse({ status: 200, description: 'The model.', schema: model }),
    DocumentErrors('openai', [401, 404]),
  );
