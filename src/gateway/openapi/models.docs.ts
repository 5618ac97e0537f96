import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { MODEL_CAPABILITIES } from '../../core/model-facts';
import { DocumentErrors } from './errors.docs';

const model = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string' },
    object: { type: 'string', enum: ['model'] },
    created: { type: 'integer' },
    owned_by: { type: 'string' },
    context_window: {
      type: 'integer',
      description:
        'Tokens of the prompt and the answer together, of the target that is tried first; absent: not known.',
    },
    max_output_tokens: { type: 'integer', description: 'Of the longest answer; absent: not known.' },
    capabilities: { type: 'array', items: { type: 'string', enum: [...MODEL_CAPABILITIES] } },
  },
  example: {
    id: 'gpt-4o-mini',
    object: 'model',
    created: 1704067200,
    owned_by: 'gateway',
    context_window: 128_000,
    max_output_tokens: 16_384,
    capabilities: ['tools', 'vision', 'structured_outputs', 'prompt_caching'],
  },
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

const PAGING = 'With an `anthropic-version` header only:';

const paging = (): MethodDecorator =>
  applyDecorators(
    ApiQuery({
      name: 'limit',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 1000 },
      description: `${PAGING} how many at most; without it all. \`has_more\` tells whether there are others.`,
    }),
    ApiQuery({ name: 'after_id', required: false, type: String, description: `${PAGING} those after this model.` }),
    ApiQuery({ name: 'before_id', required: false, type: String, description: `${PAGING} those before this model.` }),
  );

export const DocumentModels = (): MethodDecorator =>
  applyDecorators(
    shared(),
    paging(),
    ApiOperation({ summary: 'The models this key may use' }),
    ApiResponse({
      status: 200,
      description: 'Models, aliases included, in the order of the configuration.',
      schema: { type: 'object', properties: { object: { type: 'string' }, data: { type: 'array', items: model } } },
    }),
    DocumentErrors('openai', [400, 401]),
  );

export const DocumentModel = (): MethodDecorator =>
  applyDecorators(
    shared(),
    ApiOperation({ summary: 'One model' }),
    ApiParam({ name: 'id', example: 'gpt-4o-mini' }),
    ApiResponse({ status: 200, description: 'The model.', schema: model }),
    DocumentErrors('openai', [401, 404]),
  );
