import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child';
import { freePort } from './test-redis';

const MAIN = path.resolve(__dirname, '../../src/main.ts');
const STOP_TIMEOUT_MS = 20_000;

/** What the first start keeps for the operator. */
export interface FirstRunFile {
  readonly admin_email: string;
  readonly admin_password: string | null;
  readonly api_key: string;
  readonly admin_key: string | null;
}

/** The gateway as a process of its own, with a configuration and a data directory of its own. */
export class GatewayProcess {
  private constructor(
    readonly child: Child,
    readonly url: string,
    readonly folder: string,
  ) {}

  /** Resolves when the process runs, not when it serves. */
  static async start(
    yaml: string,
    environment: Record<string, string>,
    options: { readonly detached?: boolean } = {},
  ): Promise<GatewayProcess> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-process-'));
    const file = path.join(folder, 'gateway.yaml');
    writeFileSync(file, yaml);
    const port = await freePort();
    const child = Child.run(MAIN, [], {
      ...options,
      env: {
        PORT: String(port),
        HOST: '127.0.0.1',
        GATEWAY_CONFIG: file,
        GATEWAY_DATA_DIR: folder,
        GATEWAY_SECRET: 'process-secret-0123456789abcdef0123456789',
        ...environment,
      },
    });
    return new GatewayProcess(child, `http://127.0.0.1:${port}`, folder);
  }

  /** Resolves when it serves. */
  async serves(): Promise<void> {
    await this.child.printed(/Try it:/);
  }

  get firstRun(): FirstRunFile {
    return JSON.parse(readFileSync(path.join(this.folder, 'first-run.json'), 'utf8')) as FirstRunFile;
  }

  /** The status of a GET; 0 when nobody listens. */
  async statusOf(route: string): Promise<number> {
    try {
      const response = await fetch(`${this.url}${route}`);
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  /** A chat call with the key of the first start, or with none. */
  ask(body: object, key = this.firstRun.api_key): Promise<Response> {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...body }),
    });
  }

  async stop(): Promise<void> {
    this.child.process.kill('SIGINT');
    await Promise.race([this.child.exit, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    this.child.process.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
