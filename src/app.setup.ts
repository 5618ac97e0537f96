import type { IncomingMessage, Server } from 'node:http';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { setUpConsole } from './admin';
import { AppModule } from './app.module';
import { LiveConfig } from './platform/config/live-config';
import { GatewayHttpAdapter } from './platform/http/gateway-http.adapter';
import { ServerConfig } from './platform/http/server.config';
import { StructuredLogger } from './platform/logging/logger';

/** Routes that carry the load: served without Express's request decoration. */
export const HOT_PATHS: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/messages',
  '/v1/messages/count_tokens',
  '/v1/responses',
  '/v1/embeddings',
]);

/** Inference bodies are read by the request guard, strictly and once; whoever reads a body first leaves nothing for the other. */
const READS_ITS_OWN_BODY: ReadonlySet<string> = new Set([...HOT_PATHS, '/v1/explain']);

function isParsedByExpress(request: IncomingMessage): boolean {
  const [path = ''] = (request.url ?? '').split('?');
  return !READS_ITS_OWN_BODY.has(path) && /^application\/json\b/i.test(request.headers['content-type'] ?? '');
}

export interface AppOptions {
  /** Tests close connections with the server; the product drains them. */
  readonly forceCloseConnections?: boolean;
}

/** The application, ready to listen: shared by the product and the tests. */
export async function createApp(
  configuration: DynamicModule,
  options: AppOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(configuration),
    new GatewayHttpAdapter(HOT_PATHS),
    {
      bufferLogs: true,
      abortOnError: false,
      bodyParser: false,
      forceCloseConnections: options.forceCloseConnections ?? false,
    },
  );
  app.useLogger(app.get(StructuredLogger));
  app.flushLogs();
  const { max_body_bytes: limit, trusted_proxies: trustedProxies } = app.get(LiveConfig).section(ServerConfig);
  app.useBodyParser('json', { limit, type: isParsedByExpress });
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', trustedProxies);
  setUpConsole(app);
  setUpDocs(app);
  return app;
}

export const serverOf = (app: NestExpressApplication): Server => app.getHttpServer();

function setUpDocs(app: NestExpressApplication): void {
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder()
      .setTitle('AI Gateway')
      .setDescription(
        'One endpoint for every LLM provider. Inference routes take a gateway key; `/api/v1` takes the admin key or a key with the scope `management`.',
      )
      .setVersion('1')
      .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
      .addBearerAuth(
        { type: 'http', scheme: 'bearer', description: 'A gateway key (gw_…) or the admin key.' },
        'bearer',
      )
      .addApiKey({ type: 'apiKey', in: 'header', name: 'x-api-key', description: 'A gateway key (gw_…).' }, 'x-api-key')
      .build(),
  );
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true },
  });
}
