import path from 'node:path';
import { Child } from './child';
import { mostSurelyInAnyWindow } from './limiter-replica';

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
class LimiterProcesses {
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

  /** Ends the flood. Returns every call of every process. */
  async end(): Promise<LimiterRecord[]> {
    for (const { process } of this.children) process.kill('SIGTERM');
    await Promise.all(this.children.map(({ exit }) => exit));
    const lines = this.children.flatMap(({ text }) => text.split('\n'));
    const failure = lines.find((line) => line.startsWith('failed'));
    if (failure !== undefined) throw new Error(failure);
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LimiterRecord);
  }

  kill(): void {
    for (const { process } of this.children) process.kill('SIGKILL');
  }
}

export interface FloodFigures {
  readonly records: readonly LimiterRecord[];
  readonly admitted: readonly LimiterRecord[];
  /** The most requests, and the most tokens, that a window surely held. */
  readonly requests: number;
  readonly tokens: number;
}

/** A flood from all sides for as long as the story lasts. Throws when a window held more than its limit. */
export async function flooded(url: string, flood: Flood, story: () => Promise<void>): Promise<FloodFigures> {
  const processes = await LimiterProcesses.start(url, 'processes', flood);
  try {
    processes.go();
    await story();
    const records = await processes.end();
    const admitted = records.filter(({ kind }) => kind === 'admitted');
    const requests = mostSurelyInAnyWindow(
      admitted.map((record) => ({ ...record, cost: 1 })),
      flood.windowMs,
    );
    const tokens = mostSurelyInAnyWindow(admitted, flood.windowMs);
    expect(requests).toBeLessThanOrEqual(flood.requests);
    expect(tokens).toBeLessThanOrEqual(flood.tokens);
    return { records, admitted, requests, tokens };
  } finally {
    processes.kill();
  }
}

/** One clock for all processes of this machine. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;
