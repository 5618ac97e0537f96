import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';

const HOOK = path.join(__dirname, 'typescript.cjs');

/** A Node process that runs one of our TypeScript files. */
export class Child {
  private output = '';
  private readonly waiting: (() => void)[] = [];
  readonly exit: Promise<number | null>;

  private constructor(readonly process: ChildProcess) {
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
      for (const wake of this.waiting.splice(0)) wake();
    };
    process.stdout?.on('data', collect);
    process.stderr?.on('data', collect);
    this.exit = new Promise((resolve) => {
      process.once('close', (code) => {
        resolve(code);
        for (const wake of this.waiting.splice(0)) wake();
      });
    });
  }

  static run(
    file: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; uid?: number; gid?: number; detached?: boolean } = {},
  ): Child {
    const { env = {}, ...rest } = options;
    return new Child(
      spawn(process.execPath, ['-r', HOOK, file, ...args], {
        ...rest,
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  get text(): string {
    return this.output;
  }

  /** Resolves with the match once the process has printed `pattern`; rejects when it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`the process ended without printing ${String(pattern)}:\n${this.output}`);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
}
