import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP connection to a server that can be cut, silenced and restored: `target` as seen through a port of its own. */
export class TcpLink {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private isSilent = false;

  private constructor(
    private readonly target: { readonly host: string; readonly port: number },
    readonly port: number,
  ) {}

  /** Reserves a port; nothing listens on it until `restore`. */
  static async create(url: string): Promise<TcpLink> {
    const { hostname, port } = new URL(url);
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const link = new TcpLink({ host: hostname, port: Number(port) }, (probe.address() as AddressInfo).port);
    await new Promise((resolve) => probe.close(resolve));
    return link;
  }

  /** `url` through this link. */
  through(url: string): string {
    const linked = new URL(url);
    linked.host = `127.0.0.1:${this.port}`;
    return linked.toString();
  }

  async restore(): Promise<void> {
    await this.cut();
    this.isSilent = false;
    const server = createServer((client) => {
      const upstream = connect(this.target);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(socket);
        if (this.isSilent) socket.resume();
        else socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.sockets.delete(socket);
          other.destroy();
        });
      }
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
  }

  /** Nobody is told: connections stay open, new ones are still accepted, and every byte vanishes. */
  silence(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.unpipe().resume();
  }

  async cut(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
