import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP connection to a server that can be cut and restored, or go dead: `target` as seen through a port of its own. */
export class TcpLink {
  private server: Server | undefined;
  private isSilent = false;
  private readonly sockets = new Set<Socket>();

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
    const server = createServer((client) => {
      if (this.isSilent) {
        this.swallow(client);
        return;
      }
      const upstream = connect(this.target);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(socket);
        socket.pipe(other);
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

  async cut(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    this.hangUp();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** From now on what is sent either way is lost, and nobody is told: sockets stay open, and new ones seem to connect. */
  silence(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.unpipe().resume();
  }

  /** Carries again what is sent. Sockets that lost something end: a stream with a hole in it cannot go on. */
  speak(): void {
    this.isSilent = false;
    this.hangUp();
  }

  private hangUp(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private swallow(client: Socket): void {
    this.sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => this.sockets.delete(client));
    client.resume();
  }
}
