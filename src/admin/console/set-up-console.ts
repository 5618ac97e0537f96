import type { INestApplication } from '@nestjs/common';
import cookieParser from 'cookie-parser';
import { LiveConfig } from '../../platform/config/live-config';
import { ServerConfig } from '../../platform/http/server.config';
import { allowedHosts, unstored } from '../allowed-hosts';
import { ConsoleSessions } from './auth/console-sessions';
import { formBody } from './auth/form-body';
import { securityHeaders } from './auth/security-headers';
import { Assets } from './render/assets';

/** What stands before the console and the management API, and before nothing else. */
export function setUpConsole(app: INestApplication): void {
  app.use(['/admin', '/api/v1'], allowedHosts(app.get(LiveConfig)));
  app.use('/api/v1', unstored);
  app.use('/admin', securityHeaders);
  app.use('/admin/assets', app.get(Assets).middleware);
  const priceFile = {
    path: '/prices/import',
    textBytes: app.get(LiveConfig).section(ServerConfig).max_body_bytes,
  };
  app.use('/admin', cookieParser(), app.get(ConsoleSessions).middleware, formBody(priceFile));
}
