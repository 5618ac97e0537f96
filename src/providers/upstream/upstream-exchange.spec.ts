import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { UpstreamError } from '../../core/errors';
import { UpstreamClient, type UpstreamRequest } from './upstream-client';
import { UpstreamExchange } from './upstream-exchange';

/** Where undici's controller is not asked for anything. */
const none = null as unknown as Parameters<UpstreamExchange['onRequestStart']>[0];

const timeouts = { connectMs: 1000, firstByteMs: 1000, idleMs: 1000, totalMs: 5000 };

describe('UpstreamExchange', () => {
  let server: Server;
  let listener: RequestListener;
  let client: UpstreamClient;
  let url: string;

  beforeAll(async () => {
    server = createServer((request, response) => listener(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => (client = make({})));
  afterEach(() => client.close());
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const make = (options: Partial<ConstructorParameters<typeof UpstreamClient>[0]>) =>
    new UpstreamClient({
      provider: 'p',
      baseUrl: url,
      allowPrivateNetwork: true,
      connectTimeoutMs: 1000,
      maxConcurrency: 10,
      ...options,
    });
  const request = (change: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
    method: 'POST',
    url: `${url}/v1`,
    headers: {},
    body: '{}',
    signal: new AbortController().signal,
    timeouts,
    ...change,
  });
  const failureOf = async (work: Promise<unknown>): Promise<UpstreamError> => {
    const error: unknown = await work.then(
      () => new Error('did not fail'),
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(UpstreamError);
    return error as UpstreamError;
  };

  it('gives the head and the whole body', async () => {
    listener = (_, response) => response.writeHead(201, { 'x-a': 'b' }).end('hello');
    const exchange = client.start(request());
    expect(await exchange.head).toMatchObject({ status: 201, headers: { 'x-a': 'b' } });
    expect((await exchange.bytes(100)).toString()).toBe('hello');
    expect(client.activeCalls).toBe(0);
  });

  it('does not follow a redirect', async () => {
    let calls = 0;
    listener = (_, response) => {
      calls += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    };
    expect((await client.start(request()).head).status).toBe(307);
    expect(calls).toBe(1);
  });

  it.each([
    ['first byte', { firstByteMs: 40 }, (() => undefined) as RequestListener, 'first_byte_timeout'],
    ['idle', { idleMs: 40 }, ((_, response) => response.writeHead(200).write('x')) as RequestListener, 'idle_timeout'],
    [
      'total',
      { totalMs: 80, idleMs: 60 },
      ((_, response) => {
        response.writeHead(200);
        const drip = setInterval(() => response.write('x'), 20);
        response.once('close', () => clearInterval(drip));
      }) as RequestListener,
      'total_timeout',
    ],
  ])('times out: %s', async (_, change, answer, reason) => {
    listener = answer;
    const exchange = client.start(request({ timeouts: { ...timeouts, ...change } }));
    const error = await failureOf(exchange.head.then(() => exchange.bytes(1000)));
    expect(error).toMatchObject({ failure: 'timeout', reason });
    expect(client.activeCalls).toBe(0);
  });

  it('says that a body was cut', async () => {
    listener = (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setTimeout(() => response.destroy(), 10);
    };
    const exchange = client.start(request());
    await exchange.head;
    expect(await failureOf(exchange.bytes(1000))).toMatchObject({
      failure: 'unavailable',
      reason: 'connection_broken',
    });
  });

  it('says that nobody listens', async () => {
    const closed = make({ baseUrl: 'http://127.0.0.1:1' });
    const error = await failureOf(closed.start(request({ url: 'http://127.0.0.1:1/' })).head);
    expect(error).toMatchObject({ failure: 'unavailable', reason: 'connection_failed' });
    await closed.close();
  });

  it('closes the connection when the caller has gone, before and after the head', async () => {
    for (const withHead of [false, true]) {
      const closed = new Promise<void>((resolve) => {
        listener = (_, response) => {
          response.once('close', resolve);
          if (withHead) response.writeHead(200).write('x');
        };
      });
      const controller = new AbortController();
      const exchange = client.start(request({ signal: controller.signal }));
      if (withHead) await exchange.head;
      else await new Promise((resolve) => setTimeout(resolve, 50));
      controller.abort();
      await closed;
      expect(await failureOf(exchange.head.then(() => exchange.bytes(10)))).toMatchObject({ failure: 'cancelled' });
    }
  });

  it('stops reading from the provider while nobody reads from it', async () => {
    let written = 0;
    listener = (_, response) => {
      response.writeHead(200);
      const piece = Buffer.alloc(65_536);
      const push = (): void => {
        while (written < 50_000_000 && response.write(piece)) written += piece.length;
        if (written < 50_000_000) response.once('drain', push);
      };
      push();
      response.once('close', () => (written = 50_000_000));
    };
    const exchange = client.start(request());
    await exchange.head;
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Socket buffers of both sides hold some megabytes; the rest waits at the provider.
    expect(written).toBeLessThan(20_000_000);
    exchange.abort();
  });

  describe('with a provider that closes the connection after its answer', () => {
    const CLOSING = 'HTTP/1.1 200 OK\r\nconnection: close\r\n';
    let answer: (socket: Socket) => void;
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    beforeAll(() => new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve)));
    afterAll(() => new Promise<void>((resolve) => tcp.close(() => resolve())));
    beforeEach(async () => {
      await client.close();
      const baseUrl = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
      client = make({ baseUrl });
      url = baseUrl;
    });
    afterAll(() => (url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`));

    const unread = async (exchange: ReturnType<UpstreamClient['start']>): Promise<void> => {
      await exchange.head;
      await new Promise((resolve) => setTimeout(resolve, 100));
    };

    it('survives that it breaks while nobody reads, and says so', async () => {
      answer = (socket) => {
        socket.write(`${CLOSING}transfer-encoding: chunked\r\n\r\n40000\r\n`);
        socket.write(Buffer.alloc(80_000), () => setTimeout(() => socket.resetAndDestroy(), 30));
      };
      const exchange = client.start(request());
      await unread(exchange);
      expect(await failureOf(exchange.bytes(1_000_000))).toMatchObject({ reason: 'connection_broken' });
    });

    it.each([
      ['at its length', `content-length: 80000\r\n`],
      ['with the connection', ''],
    ])('keeps an answer that ends %s for a reader that comes late', async (_, header) => {
      answer = (socket) => socket.end(Buffer.concat([Buffer.from(`${CLOSING}${header}\r\n`), Buffer.alloc(80_000)]));
      const exchange = client.start(request());
      await unread(exchange);
      expect(await exchange.bytes(1_000_000)).toHaveLength(80_000);
    });

    it('holds no more than a bound of it', async () => {
      let isClosed = false;
      answer = (socket) => {
        socket.once('close', () => (isClosed = true));
        socket.write(`${CLOSING}\r\n`);
        const push = (): void => {
          while (!isClosed && socket.write(Buffer.alloc(65_536)));
          if (!isClosed) socket.once('drain', push);
        };
        push();
      };
      const exchange = client.start(request());
      await exchange.head;
      while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(await failureOf(exchange.bytes(1e9))).toMatchObject({ failure: 'cancelled', reason: 'slow_reader' });
    });
  });

  it('does not hold up a provider whose answer is read as fast as it comes', () => {
    const exchange = new UpstreamExchange('p', timeouts, new AbortController().signal, () => undefined);
    const controller = { pause: jest.fn(), resume: jest.fn(), abort: jest.fn() };
    const handler = controller as unknown as Parameters<UpstreamExchange['onRequestStart']>[0];
    exchange.onRequestStart(handler);
    exchange.onResponseStart(handler, 200, { 'transfer-encoding': 'chunked' });
    for (let piece = 0; piece < 4; piece += 1) exchange.onResponseData(handler, Buffer.alloc(40_000));
    expect(controller.pause).not.toHaveBeenCalled();
    exchange.onResponseEnd();
  });

  it.each([
    ['breaks', 'connection_broken', (exchange: UpstreamExchange) => exchange.onResponseError(none, new Error('cut'))],
    ['is stopped', 'cancelled', (exchange: UpstreamExchange) => exchange.abort()],
  ])('gives the head and what came with it before it says that it %s', async (_, reason, end) => {
    const exchange = new UpstreamExchange('p', timeouts, new AbortController().signal, () => undefined);
    exchange.onRequestStart({ abort: jest.fn() } as unknown as typeof none);
    exchange.onResponseStart(none, 429, { 'retry-after': '7' });
    exchange.onResponseData(none, Buffer.from('half'));
    end(exchange);
    expect(await exchange.head).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(await failureOf(exchange.bytes(100))).toMatchObject({ reason });
  });

  it('refuses more calls than the limit at once and says so', async () => {
    listener = () => undefined;
    const narrow = make({ maxConcurrency: 1 });
    const first = narrow.start(request());
    expect(() => narrow.start(request())).toThrow(expect.objectContaining({ reason: 'saturated' }));
    first.abort();
    await failureOf(first.head);
    expect(narrow.activeCalls).toBe(0);
    await narrow.close();
  });

  it('refuses private addresses, by literal and by name, unless they are allowed', async () => {
    const strict = make({ allowPrivateNetwork: false });
    expect(() => strict.start(request())).toThrow(expect.objectContaining({ reason: 'blocked_address' }));
    const byName = make({ allowPrivateNetwork: false, baseUrl: 'http://localhost:9' });
    const exchange = byName.start(request({ url: 'http://localhost:9/' }));
    expect(await failureOf(exchange.head)).toMatchObject({ failure: 'misconfigured', reason: 'blocked_address' });
    await Promise.all([strict.close(), byName.close()]);
  });

  it('goes to its own origin only', () => {
    expect(() => client.start(request({ url: 'http://127.0.0.2/' }))).toThrow(
      expect.objectContaining({ reason: 'blocked_address' }),
    );
  });
});
