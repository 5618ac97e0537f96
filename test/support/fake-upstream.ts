import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = (received: ReceivedRequest, response: ServerResponse) => void;

/** A provider whose every answer the test decides. */
export class FakeUpstream {
  readonly received: ReceivedRequest[] = [];
  answer: Answer = (_, response) => void response.writeHead(500).end();
  /** Connections the client closed before the answer was complete. */
  abandoned = 0;

  private constructor(
    readonly url: string,
    private readonly server: ReturnType<typeof createServer>,
  ) {}

  static async start(): Promise<FakeUpstream> {
    let upstream: FakeUpstream | undefined = undefined as FakeUpstream | undefined;
    const server = createServer((request, response) => void upstream?.handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    upstream = new FakeUpstream(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    return upstream;
  }

  get last(): ReceivedRequest {
    const last = this.received.at(-1);
    if (!last) throw new Error('nothing was received');
    return last;
  }

  lastJson(): Record<string, unknown> {
    return JSON.parse(this.last.body.toString()) as Record<string, unknown>;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      if (!response.writableFinished) this.abandoned += 1;
    });
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const received = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(pieces),
    };
    this.received.push(received);
    this.answer(received, response);
  }
}
