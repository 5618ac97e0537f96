import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './test-redis';
import { until } from './until';

const SLOTS = 16_384;
const START_MS = 60_000;
/** Nodes talk to each other on the port that is so much higher. */
const BUS = 10_000;
const HIGHEST_PORT = 65_535;

async function freePorts(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port + BUS <= HIGHEST_PORT) return port;
  }
}

/** Nodes of a real Redis Cluster on loopback ports, each with a part of the slots and no copies. `redis-server` is on the path. */
export class TestRedisCluster {
  private constructor(
    readonly ports: readonly number[],
    private readonly servers: readonly ChildProcess[],
    private readonly folder: string,
  ) {}

  /** Resolves when every node says that the cluster serves. */
  static async start(size = 3): Promise<TestRedisCluster> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'redis-cluster-'));
    const ports: number[] = [];
    while (ports.length < size) {
      const port = await freePorts();
      if (!ports.includes(port)) ports.push(port);
    }
    const servers = ports.map((port) =>
      spawn(
        'redis-server',
        [
          ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
          ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`, '--cluster-node-timeout', '5000'],
        ].flat(),
        { stdio: 'ignore' },
      ),
    );
    const cluster = new TestRedisCluster(ports, servers, folder);
    await cluster.form();
    return cluster;
  }

  /** The address of one node. */
  get url(): string {
    return `redis://127.0.0.1:${this.ports[0]}`;
  }

  /** What each node holds, by port. */
  async keys(pattern: string): Promise<Map<number, string[]>> {
    const found = new Map<number, string[]>();
    for (const port of this.ports) found.set(port, await this.on(port, (node) => node.keys(pattern)));
    return found;
  }

  async on<T>(port: number, use: (node: Redis) => Promise<T>): Promise<T> {
    const node = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: 100 });
    node.on('error', () => {});
    try {
      return await use(node);
    } finally {
      node.disconnect();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.servers.map(async (server) => {
        if (server.exitCode !== null) return;
        const ended = new Promise((resolve) => server.once('exit', resolve));
        server.kill('SIGKILL');
        await ended;
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async form(): Promise<void> {
    const [first = 0] = this.ports;
    for (const [index, port] of this.ports.entries()) {
      const from = Math.ceil((SLOTS * index) / this.ports.length);
      const to = Math.ceil((SLOTS * (index + 1)) / this.ports.length);
      const slots = Array.from({ length: to - from }, (_, at) => from + at);
      await this.on(port, async (node) => {
        await node.cluster('ADDSLOTS', ...slots);
        await node.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
        if (port !== first) await node.cluster('MEET', '127.0.0.1', first);
      });
    }
    for (const port of this.ports) {
      await this.on(port, (node) =>
        until(async () => {
          const state = await node.cluster('INFO');
          return state.includes('cluster_state:ok') && state.includes(`cluster_known_nodes:${this.ports.length}`);
        }, START_MS),
      );
    }
  }
}
