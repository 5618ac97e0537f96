import type { INestApplication } from '@nestjs/common';
import cookieParser from 'cookie-parser';
import { ConsoleSessions } from './auth/console-sessions';
import { formBody } from './auth/form-body';
import { securityHeaders } from './auth/security-headers';
import { Assets } from './render/assets';

/** What stands before the pages of the console, and before nothing else. */
export function setUpConsole(app: INestApplication): void {
  app.use('/admin', securityHeaders);
  app.use('/admin/assets', app.get(Assets).middleware);
  app.use('/admin', cookieParser(), app.get(ConsoleSessions).middleware, formBody);
}
