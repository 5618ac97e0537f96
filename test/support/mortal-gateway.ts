import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Child } from './child';
import type { Failpoint } from './failpoints';
import { ADMIN_KEY } from './gateway';
import { freePort } from './test-redis';
import { until } from './until';

const PROGRAM = path.join(__dirname, 'gateway.child.ts');
/** A start on a machine that does much else. */
const START_MS = 200_000;

export interface ProcessOptions {
  readonly yaml: string;
  /** Shared by the replicas, as a volume is: whoever lives takes over the journals of those who died. */
  readonly dataDir: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** A whole gateway in a process of its own on a port that it keeps, to be killed, stopped and started again. */
export class MortalGateway {
  private child: Child | null = null;

  private constructor(
    private readonly options: ProcessOptions,
    readonly port: number,
  ) {}

  static async create(options: ProcessOptions): Promise<MortalGateway> {
    return new MortalGateway(options, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.child?.process.pid;
    if (pid === undefined) throw new Error('the gateway does not run');
    return pid;
  }

  /** Resolves with true when it serves, and with false when it died at its failpoint before. */
  async start(failpoint?: { readonly at: Failpoint; readonly hits: number }): Promise<boolean> {
    const { yaml, dataDir, variables } = this.options;
    mkdirSync(dataDir, { recursive: true });
    const file = path.join(dataDir, `gateway-${this.port}.yaml`);
    writeFileSync(file, yaml);
    const child = Child.run(PROGRAM, [], {
      env: {
        PORT: String(this.port),
        HOST: '127.0.0.1',
        GATEWAY_CONFIG: file,
        GATEWAY_DATA_DIR: dataDir,
        GATEWAY_ADMIN_KEY: ADMIN_KEY,
        GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
        LOG_LEVEL: 'error',
        ...(failpoint ? { TEST_FAILPOINT: `${failpoint.at},${failpoint.hits}` } : {}),
        ...variables,
      },
    });
    this.child = child;
    let isUp = false;
    await until(async () => {
      isUp = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(5_000) }).then(
        ({ ok }) => ok,
        () => false,
      );
      return isUp || child.process.exitCode !== null || child.process.signalCode !== null;
    }, START_MS).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${child.text}`);
    });
    if (!isUp && child.process.exitCode !== null) throw new Error(`the gateway did not start:\n${child.text}`);
    return isUp;
  }

  /** What it has printed since its last start. */
  get text(): string {
    return this.child?.text ?? '';
  }

  signal(name: NodeJS.Signals): void {
    this.child?.process.kill(name);
  }

  /** Resolves when it is dead, of itself or by SIGKILL. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.child?.exit;
  }

  /** Resolves when it has died of itself. */
  async dead(): Promise<void> {
    await this.child?.exit;
  }

  /** Ends as a deployment ends it. */
  async stop(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGINT');
    await this.child?.exit;
  }
}
