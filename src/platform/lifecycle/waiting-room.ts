import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { newId } from '../../core/ids';
import { Clock } from '../clock';
import { LiveConfig } from '../config/live-config';
import { dialectOf } from '../http/request-contexts';
import { ServerConfig } from '../http/server.config';
import { StructuredLogger } from '../logging/logger';

const ALIVE: ReadonlySet<string> = new Set(['/health', '/health/live']);
const RETRY_AFTER_S = 1;
const HEADERS_TIMEOUT_MS = 10_000;

/**
 * Holds the port while the application cannot be built yet, because something it stands on is away: alive, not ready, and
 * everything else is told to come back. Without it an orchestrator would take a replica that waits for one that hangs.
 */
@Injectable()
export class WaitingRoom {
  private readonly awaited = new Map<string, string>();
  private server: http.Server | undefined;

  constructor(
    private readonly config: LiveConfig,
    private readonly clock: Clock,
    private readonly logger: StructuredLogger,
  ) {}

  /** Opens the port, unless it is open. `detail` is shown to anybody: it names no host and no user. */
  async waitFor(dependency: string, detail: string): Promise<void> {
    this.awaited.set(dependency, detail);
    if (this.server) return;
    const server = http.createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) =>
      this.answer(request, response),
    );
    this.server = server;
    // Nest keeps what is logged until the application is built; whoever waits wants to know why now.
    Logger.overrideLogger(this.logger);
    Logger.flush();
    // Asked to end it does so at once, with what was said.
    process.once('exit', () => this.logger.flush());
    const { host, port } = this.config.section(ServerConfig);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  }

  /** Gives the port back. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [path = ''] = (request.url ?? '').split('?');
    if (ALIVE.has(path)) {
      send(response, 200, {}, { status: 'ok' });
      return;
    }
    if (path === '/health/ready') {
      const dependencies = Object.fromEntries(
        [...this.awaited].map(([name, detail]) => [name, { status: 'down', detail }]),
      );
      send(response, 503, {}, { status: 'unavailable', dependencies });
      return;
    }
    const requestId = newId('req', this.clock.now());
    const isAnthropic = dialectOf(path) === 'anthropic';
    const message = `The gateway is starting and waits for: ${[...this.awaited.keys()].join(', ')}. Send the request again in a moment.`;
    send(
      response,
      503,
      { 'x-request-id': requestId, ...(isAnthropic ? { 'request-id': requestId } : {}), ...COME_BACK },
      isAnthropic
        ? { type: 'error', error: { type: 'overloaded_error', message }, request_id: requestId }
        : { error: { message, type: 'server_error', param: null, code: 'overloaded' } },
    );
  }
}

const COME_BACK = {
  'retry-after': String(RETRY_AFTER_S),
  'retry-after-ms': String(RETRY_AFTER_S * 1000),
  'x-gateway-error-source': 'gateway',
};

function send(response: ServerResponse, status: number, headers: Record<string, string>, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    // The body of a request is not read, and soon somebody else has the port.
    connection: 'close',
  });
  response.end(text);
}
