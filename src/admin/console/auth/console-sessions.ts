import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import connectPgSimple from 'connect-pg-simple';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { Clock } from '../../../platform/clock';
import { ConsoleKeys } from './console-keys';
import { cookieNames } from './cookie-names';

declare module 'express-session' {
  interface SessionData {
    userId: string;
    startedAtMs: number;
    /** Last request that a person made; pages that refresh themselves do not count. */
    seenAtMs: number;
  }
}

/** ADM-1. */
const IDLE_MS = 30 * 60_000;
const ABSOLUTE_MS = 12 * 60 * 60_000;
/** The session is written at most this often. */
const SEEN_STEP_MS = 30_000;
const PRUNE_SECONDS = 15 * 60;

/** Sessions in PostgreSQL, shared by all replicas: ending one works everywhere with the next request. */
@Injectable()
export class ConsoleSessions implements OnApplicationShutdown {
  private readonly logger = new Logger('ConsoleSessions');
  private readonly store: InstanceType<ReturnType<typeof connectPgSimple>>;
  private readonly secure: RequestHandler;
  private readonly plain: RequestHandler;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
    keys: ConsoleKeys,
  ) {
    const Store = connectPgSimple(session);
    this.store = new Store({
      pool: (database.driver as unknown as { master: Pool }).master,
      tableName: 'console_sessions',
      createTableIfMissing: false,
      ttl: IDLE_MS / 1000,
      disableTouch: true,
      pruneSessionInterval: PRUNE_SECONDS,
      errorLog: (...problem: unknown[]) => this.logger.warn(problem.map(String).join(' ')),
    });
    const handler = (isSecure: boolean): RequestHandler =>
      session({
        store: this.store,
        secret: keys.session,
        name: cookieNames(isSecure).session,
        resave: false,
        saveUninitialized: false,
        // Sessions that begin anew are made by whichever handler came last: only "auto" looks at the request.
        cookie: { httpOnly: true, sameSite: 'strict', secure: 'auto', path: '/' },
      });
    this.secure = handler(true);
    this.plain = handler(false);
  }

  /** Reads the session of a request, when it has one. */
  readonly middleware: RequestHandler = (request, response, next) => {
    void (request.secure ? this.secure : this.plain)(request, response, next);
  };

  /** Whose session this is; null when there is none, or when it has run out. */
  userOf(request: Request, isByHand: boolean): string | null {
    const { userId, startedAtMs = 0, seenAtMs = 0 } = request.session;
    if (userId === undefined) return null;
    const now = this.clock.now();
    if (now - startedAtMs > ABSOLUTE_MS || now - seenAtMs > IDLE_MS) return null;
    if (isByHand && now - seenAtMs > SEEN_STEP_MS) request.session.seenAtMs = now;
    return userId;
  }

  /** Begins a session under a new id: one that somebody planted is worth nothing. */
  async begin(request: Request, userId: string): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      request.session.regenerate((error?: Error | null) => (error ? reject(error) : resolve())),
    );
    const now = this.clock.now();
    Object.assign(request.session, { userId, startedAtMs: now, seenAtMs: now });
    await new Promise<void>((resolve, reject) =>
      request.session.save((error?: Error | null) => (error ? reject(error) : resolve())),
    );
  }

  async end(request: Request): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      request.session.destroy((error?: Error | null) => (error ? reject(error) : resolve())),
    );
  }

  /** Ends every session of a person, on every replica. */
  async endAll(userId: string): Promise<void> {
    await this.database.query('delete from console_sessions where user_id = $1', [userId]);
  }

  onApplicationShutdown(): void {
    this.store.close();
  }
}
