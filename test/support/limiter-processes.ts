import path from 'node:path';
import { Child } from './child';

const PROGRAM = path.join(__dirname, 'limiter.child.ts');

/** What each process asks for. */
export interface Flood {
  readonly windowMs: number;
  readonly requests: number;
  readonly tokens: number;
  readonly members: number;
  /** Calls at a time. */
  readonly workers: number;
  readonly pauseMs: number;
}

export interface LimiterRecord {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly kind: 'admitted' | 'denied' | 'unavailable';
  readonly degraded: boolean;
  /** Tokens that were used. */
  cost: number;
  isByPermit?: true;
}

/** Processes that share limits through one Redis, each with the limiter as the gateway sets it up. */
export class LimiterProcesses {
  private constructor(private readonly children: readonly Child[]) {}

  /** Resolves when every process knows of all. */
  static async start(url: string, organization: string, flood: Flood): Promise<LimiterProcesses> {
    const children = Array.from({ length: flood.members }, () =>
      Child.run(PROGRAM, [url, organization, JSON.stringify(flood)]),
    );
    await Promise.all(children.map((child) => child.printed(/ready/)));
    return new LimiterProcesses(children);
  }

  go(): void {
    for (const { process } of this.children) process.kill('SIGUSR2');
  }

  /** Ends the flood. Returns every call of every process, and whether one of them ended without the shared windows. */
  async end(): Promise<{ records: LimiterRecord[]; isDegraded: boolean }> {
    for (const { process } of this.children) process.kill('SIGTERM');
    await Promise.all(this.children.map(({ exit }) => exit));
    const lines = this.children.flatMap(({ text }) => text.split('\n'));
    const failure = lines.find((line) => line.startsWith('failed'));
    if (failure !== undefined) throw new Error(failure);
    return {
      records: lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LimiterRecord),
      isDegraded: lines.includes('degraded true'),
    };
  }

  kill(): void {
    for (const { process } of this.children) process.kill('SIGKILL');
  }
}

/** One clock for all processes of this machine. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;
