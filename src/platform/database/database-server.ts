import { Injectable, Logger, Optional } from '@nestjs/common';
import { Environment } from '../config/environment';
import { LiveConfig } from '../config/live-config';
import { WaitingRoom } from '../lifecycle/waiting-room';
import { DatabaseConfig } from './database.config';
import { DatabaseInfo } from './database-info';
import { EmbeddedPostgres } from './embedded';

/** The PostgreSQL behind the gateway: the operator's, or else an embedded one that lives and dies with us. */
@Injectable()
export class DatabaseServer extends DatabaseInfo {
  private readonly logger = new Logger('Database');
  private readonly embedded: EmbeddedPostgres | null;
  private readonly configuredUrl: string | undefined;

  /** Who serves has a waiting room and waits as long as it takes; a command gives up. */
  constructor(
    environment: Environment,
    config: LiveConfig,
    @Optional() private readonly waitingRoom?: WaitingRoom,
  ) {
    super();
    this.configuredUrl = environment.databaseUrl ?? config.section(DatabaseConfig).url;
    this.embedded =
      this.configuredUrl === undefined
        ? new EmbeddedPostgres({ dataDirectory: environment.dataDir, log: (line) => this.logger.log(line) })
        : null;
  }

  override get kind(): 'embedded' | 'external' {
    return this.embedded ? 'embedded' : 'external';
  }

  override describe(): string {
    return this.embedded
      ? `PostgreSQL embedded in ${this.embedded.dataPath}`
      : withoutCredentials(this.configuredUrl ?? '');
  }

  /** Starts the embedded server when there is no other; resolves with the URL to connect to, password included. */
  async start(): Promise<string> {
    if (!this.embedded) return this.configuredUrl ?? '';
    const startedAt = performance.now();
    const kind = await this.embedded.start();
    this.logger.log(
      `Embedded PostgreSQL ${kind} in ${Math.round(performance.now() - startedAt)} ms (${this.embedded.dataPath})`,
    );
    return this.embedded.url;
  }

  /** Whether to go on waiting for a database that is away. */
  get isAwaited(): boolean {
    return this.waitingRoom !== undefined && this.embedded === null;
  }

  /** Answers probes from now on, until the application can. `detail` may be read by anybody. */
  async waitFor(detail: string): Promise<void> {
    await this.waitingRoom?.waitFor('database', detail);
  }

  /** To be called once the gateway serves: only then may an embedded server outlive it, for the next one to find. */
  mayOutliveUs(): void {
    this.embedded?.mayOutliveUs();
  }

  async stop(): Promise<void> {
    await this.embedded?.stop();
  }
}

function withoutCredentials(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `PostgreSQL at ${hostname === '' ? 'a local socket' : hostname}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    return 'PostgreSQL at the configured address';
  }
}
