import { spawn, type ChildProcess } from 'node:child_process';
import os from 'node:os';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './test-redis';

const PROGRAM = 'redis-server';

/** A Redis of one test, which freezes, kills and wipes it as it likes. `redis-server` is on the path: the run's own was started. */
export class DoomedRedis {
  private server: ChildProcess | undefined;

  private constructor(private readonly port: number) {}

  static async start(): Promise<DoomedRedis> {
    const redis = new DoomedRedis(await freePort());
    await redis.up();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, empty. Resolves when it listens. */
  async up(): Promise<void> {
    this.server = spawn(
      PROGRAM,
      ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', os.tmpdir()],
      { stdio: 'ignore' },
    );
    while (!(await this.listens())) {
      if (this.server.exitCode !== null) throw new Error(`redis-server ended with ${this.server.exitCode}`);
      await sleep(5);
    }
  }

  /** It keeps its connections and answers nothing. */
  freeze(): void {
    this.server?.kill('SIGSTOP');
  }

  thaw(): void {
    this.server?.kill('SIGCONT');
  }

  /** Everything in it is lost. */
  async kill(): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  private listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}
