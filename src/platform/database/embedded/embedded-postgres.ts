import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientConfig } from 'pg';
import { prepareBinaries } from './binaries';
import { ClusterHome } from './cluster-home';
import { createCluster } from './create-cluster';
import { findPostmaster, hasEnded } from './postmaster';
import { startPostmaster, waitUntilReady } from './start-postmaster';
import { withStartLock } from './start-lock';
import { Tenancy } from './tenancy';

export interface EmbeddedPostgresOptions {
  /** `GATEWAY_DATA_DIR`; the cluster lives in `postgres` below it. */
  readonly dataDirectory: string;
  readonly log: (line: string) => void;
  /** Settings of PostgreSQL on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** How a server came to run: by us, or found alive after an earlier process of ours had been killed. */
export type StartKind = 'created' | 'started' | 'adopted';

const DATABASE = 'gateway';
const USER = 'gateway';
const STOP_TIMEOUT_MS = 30_000;
const ENTER_ATTEMPTS = 5;
const RECOVERY_FIRST_MS = 100;
const RECOVERY_MAX_MS = 5_000;

/**
 * A real PostgreSQL server for a gateway without a database: created on the first start, listening on a random loopback
 * port with a password of its own, detached from the terminal (Ctrl-C reaches us, and we stop it), restarted when it
 * dies, adopted when it outlived us, stopped by the last process that uses it.
 */
export class EmbeddedPostgres {
  private home: ClusterHome | undefined;
  private tenancy: Tenancy | undefined;
  private isStopping = false;
  private recovery: Promise<void> | undefined;
  private isKept = false;
  private readonly abandon = (): void => {
    const postmaster = this.home && findPostmaster(this.home.data);
    if (postmaster) signal(postmaster.pid, 'SIGINT');
  };

  constructor(private readonly options: EmbeddedPostgresOptions) {}

  /** Resolves when the server answers. Rejects, with what to do, when it cannot be made to. */
  async start(): Promise<StartKind> {
    return this.run();
  }

  /**
   * From now on the server may outlive this process. A process that ends before it is told so, because something else could
   * not be started, takes a server that it has started with it; others that use it meanwhile start it again.
   */
  mayOutliveUs(): void {
    this.isKept = true;
    process.off('exit', this.abandon);
  }

  /** Connection string, password included: never log it. */
  get url(): string {
    const { port, password } = this.requireHome().state;
    return `postgresql://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
  }

  get port(): number {
    return this.requireHome().state.port;
  }

  /** Where the cluster's files are. */
  get dataPath(): string {
    return this.requireHome().data;
  }

  /** The server's own process, or null when it does not run. */
  get pid(): number | null {
    return findPostmaster(this.requireHome().data)?.pid ?? null;
  }

  /** Stops the server unless another process uses it. Does nothing when it was never started. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.mayOutliveUs();
    await this.recovery;
    if (!this.home || !this.tenancy) return;
    const alone = await this.tenancy.leave().catch(() => true);
    if (alone) await this.stopPostmaster(this.home);
    else this.options.log('The embedded PostgreSQL keeps running: another gateway process uses it.');
    await this.tenancy.close();
    this.tenancy = undefined;
  }

  private async run(): Promise<StartKind> {
    const { dataDirectory, log } = this.options;
    for (let attempt = 1; ; attempt += 1) {
      const kind = await withStartLock(ClusterHome.lockFile(dataDirectory), () => {
        this.home ??= ClusterHome.open(dataDirectory, log);
        return this.ensureRunning(this.home);
      });
      try {
        this.tenancy = await Tenancy.enter(this.connection(this.requireHome(), DATABASE), () => this.onLost());
        return kind;
      } catch (error) {
        // The last of its other users has just stopped the server we found.
        if (attempt === ENTER_ATTEMPTS) throw error;
      }
    }
  }

  private async ensureRunning(home: ClusterHome): Promise<StartKind> {
    const maintenance = (): ClientConfig => this.connection(home, 'postgres');
    if (await waitForPostmaster(home)) {
      await waitUntilReady(maintenance, DATABASE, () => findPostmaster(home.data) !== null);
      return 'adopted';
    }
    const binaries = prepareBinaries(home.runAs, home.home);
    const isNew = await createCluster(home, binaries, USER);
    if (!this.isKept) process.once('exit', this.abandon);
    await startPostmaster(home, binaries, this.options.settings ?? {}, (isRunning) =>
      waitUntilReady(maintenance, DATABASE, isRunning),
    );
    return isNew ? 'created' : 'started';
  }

  private connection(home: ClusterHome, database: string): ClientConfig {
    const { port, password } = home.state;
    return { host: '127.0.0.1', port, user: USER, password, database, connectionTimeoutMillis: 5_000 };
  }

  private onLost(): void {
    this.tenancy = undefined;
    if (!this.isStopping) this.recovery ??= this.recover().finally(() => (this.recovery = undefined));
  }

  private async recover(): Promise<void> {
    this.options.log('The embedded PostgreSQL has gone away: starting it again.');
    for (let waitMs = RECOVERY_FIRST_MS; !this.isStopping; waitMs = Math.min(waitMs * 2, RECOVERY_MAX_MS)) {
      try {
        const kind = await this.run();
        this.options.log(`The embedded PostgreSQL is back (${kind}).`);
        return;
      } catch (error) {
        this.options.log(
          `The embedded PostgreSQL does not start: ${error instanceof Error ? error.message : String(error)}`,
        );
        await sleep(waitMs);
      }
    }
  }

  private async stopPostmaster(home: ClusterHome): Promise<void> {
    const postmaster = findPostmaster(home.data);
    if (!postmaster) return;
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    signal(postmaster.pid, 'SIGINT');
    while (!hasEnded(postmaster.pid)) {
      if (performance.now() > deadline) {
        this.options.log('The embedded PostgreSQL does not stop: ending it at once. It recovers on the next start.');
        signal(postmaster.pid, 'SIGQUIT');
        return;
      }
      await sleep(5);
    }
  }

  private requireHome(): ClusterHome {
    if (!this.home) throw new Error('The embedded PostgreSQL has not been started.');
    return this.home;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** True when a server of this cluster lives. Its port is on record once it listens. */
async function waitForPostmaster(home: ClusterHome): Promise<boolean> {
  for (;;) {
    const postmaster = findPostmaster(home.data);
    if (!postmaster) return false;
    if (postmaster.port > 0) {
      home.keepPort(postmaster.port);
      return true;
    }
    await sleep(10);
  }
}
