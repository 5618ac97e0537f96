import * as fs from 'node:fs';
import * as net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/**
 * Held by a process for as long as it lives: a listening local socket, which the system frees at its death however it
 * dies. On Linux the socket is abstract (no file), so nothing is left behind by a kill.
 */
export class InstanceLock {
  private constructor(private readonly server: net.Server) {}

  /** Null when another process holds the lock. */
  static async acquire(instanceId: string): Promise<InstanceLock | null> {
    const address = addressOf(instanceId);
    const server = await listen(address);
    if (server) return new InstanceLock(server);
    if (!address.startsWith(os.tmpdir()) || (await answers(address))) return null;
    // A socket file without a listener: its owner is dead.
    await fs.promises.rm(address, { force: true });
    const retried = await listen(address);
    return retried && new InstanceLock(retried);
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }
}

/**
 * Where locks can be seen: abstract sockets belong to a network namespace of one running kernel. Processes that share
 * this name can prove each other's death by the lock; others must wait for a silent heartbeat.
 */
export function lockDomain(): string {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fs.readlinkSync('/proc/self/ns/net')}`;
  } catch {
    return os.hostname();
  }
}

function addressOf(instanceId: string): string {
  if (process.platform === 'linux') return `\0gateway-journal-${instanceId}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\gateway-journal-${instanceId}`;
  return path.join(os.tmpdir(), `gw-${instanceId}.sock`);
}

/** Null when the address is taken; `exclusive` keeps cluster workers from sharing one socket. */
async function listen(address: string): Promise<net.Server | null> {
  const server = net.createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen({ path: address, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path: address });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
