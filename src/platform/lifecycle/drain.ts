import type { Server } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { OverloadedError } from '../../core/errors';
import { LiveConfig } from '../config/live-config';
import { HealthService } from '../health/health.service';
import { RequestContexts } from '../http/request-contexts';
import { ServerConfig } from '../http/server.config';

/** Idle keep-alive connections would hold the server open; they are closed this often while it drains. */
const IDLE_SWEEP_MS = 250;
/** For the error events of requests that are cut to reach their clients. */
const GOODBYE_MS = 2_000;
const RETRY_AFTER_MS = 1_000;

/**
 * Stops serving without dropping a request: readiness turns to 503 while requests are still taken (`lame_duck`), then the
 * port closes, then running requests and streams end, at most for `drain`; what still runs then ends with an error.
 */
@Injectable()
export class Drain {
  private readonly logger = new Logger('Lifecycle');

  constructor(
    private readonly health: HealthService,
    private readonly config: LiveConfig,
    private readonly contexts: RequestContexts,
  ) {}

  /** How long load balancers are given to look away, in milliseconds. */
  get lameDuckMs(): number {
    return this.config.section(ServerConfig).lame_duck;
  }

  /** Resolves true when every request has ended, false when the time was over and the rest was cut. */
  async run(server: Server, lameDuckMs: number): Promise<boolean> {
    this.health.startDraining();
    this.logger.log(`Draining: not ready from now on, the port closes in ${lameDuckMs} ms`);
    // A kept connection would bring new requests to a replica that is going away.
    server.prependListener('request', (_, response) => response.setHeader('connection', 'close'));
    await new Promise((resolve) => setTimeout(resolve, lameDuckMs));
    return this.close(server, this.config.section(ServerConfig).drain);
  }

  private close(server: Server, drainMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      let isInTime = true;
      let goodbye: NodeJS.Timeout | undefined;
      const limit = setTimeout(() => {
        isInTime = false;
        const cut = this.contexts.interruptAll(
          new OverloadedError(
            'The gateway is shutting down before this request has ended. Send it again.',
            RETRY_AFTER_MS,
          ),
        );
        this.logger.warn(`${cut} requests were still running after ${drainMs} ms; they are cut with an error`);
        goodbye = setTimeout(() => server.closeAllConnections(), GOODBYE_MS);
      }, drainMs);
      server.close(() => {
        clearInterval(sweep);
        clearTimeout(limit);
        clearTimeout(goodbye);
        resolve(isInTime);
      });
      server.closeIdleConnections();
    });
  }
}
