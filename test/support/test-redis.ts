import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const INSTALL = 'apt-get update -qq && apt-get install -y -qq redis-server';

/** A real Redis on a free loopback port, without persistence, for one test run. */
export class TestRedis {
  private constructor(
    readonly url: string,
    private readonly server: ChildProcess,
  ) {}

  static async start(directory: string): Promise<TestRedis> {
    const program = findRedis();
    const port = await freePort();
    const server = spawn(
      program,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory],
      { stdio: 'ignore' },
    );
    await untilListening(port, server);
    return new TestRedis(`redis://127.0.0.1:${port}`, server);
  }

  async stop(): Promise<void> {
    if (this.server.exitCode !== null) return;
    const ended = new Promise((resolve) => this.server.once('exit', resolve));
    this.server.kill('SIGTERM');
    await ended;
  }
}

/** Path of `redis-server`, installed on the way when that is possible without asking anyone. */
function findRedis(): string {
  const found = onPath('redis-server');
  if (found) return found;
  if (process.getuid?.() === 0 && fs.existsSync('/etc/debian_version')) {
    process.stdout.write('redis-server is not installed: installing it for the tests.\n');
    execFileSync('sh', ['-c', INSTALL], {
      stdio: ['ignore', 'ignore', 'inherit'],
      // A service started by the package would serve nobody here.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  }
  const installed = onPath('redis-server');
  if (installed) return installed;
  throw new Error(
    'The tests need a real Redis: install redis-server 6.2 or newer (Debian: apt-get install redis-server; macOS: brew install redis) and run them again.',
  );
}

function onPath(program: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(directory, program);
    if (directory !== '' && fs.existsSync(candidate)) return candidate;
  }
  return null;
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function untilListening(port: number, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`redis-server exited with ${server.exitCode}`);
    if (await canConnect(port)) return;
    await sleep(10);
  }
  throw new Error('redis-server does not listen');
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
