import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';

const ok = {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: ['ok'] } },
  example: { status: 'ok' },
};

const readiness = {
  type: 'object',
  required: ['status', 'dependencies'],
  properties: {
    status: { type: 'string', enum: ['ok', 'degraded', 'unavailable'] },
    dependencies: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        properties: { status: { type: 'string', enum: ['up', 'degraded', 'down'] }, detail: { type: 'string' } },
      },
    },
  },
};

const route = (summary: string, ...responses: Parameters<typeof ApiResponse>[0][]): MethodDecorator =>
  applyDecorators(ApiTags('Status'), ApiOperation({ summary }), ...responses.map((response) => ApiResponse(response)));

export const DocumentHealth = (): MethodDecorator =>
  route('Is the process there', { status: 200, description: 'It is.', schema: ok });

export const DocumentLive = (): MethodDecorator =>
  route('Liveness: restart the process when this fails', { status: 200, description: 'It is alive.', schema: ok });

export const DocumentReady = (): MethodDecorator =>
  route(
    'Readiness: send traffic only while this is 200',
    {
      status: 200,
      description: 'Ready; perhaps degraded: served without a dependency that is away.',
      schema: readiness,
    },
    { status: 503, description: 'A dependency is down, or the replica is draining.', schema: readiness },
  );

export const DocumentMetrics = (): MethodDecorator =>
  applyDecorators(
    ApiProduces('text/plain'),
    route('Prometheus metrics', { status: 200, description: 'Exposition format 0.0.4.', schema: { type: 'string' } }),
  );
