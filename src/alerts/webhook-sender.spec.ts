import dns from 'node:dns';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { retryAfterMs } from './webhook-courier';
import { WebhookSender } from './webhook-sender';
import { signatureHeaders } from './webhook-signature';

describe('the sender of webhooks', () => {
  const sender = new WebhookSender();
  const asked: string[] = [];
  let server: http.Server;
  let port = 0;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere' }).end();
      else response.writeHead(request.url === '/taken' ? 200 : 503).end('x'.repeat(1_000_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await sender.onApplicationShutdown();
  });

  const post = (url: string, allowPrivateNetwork: boolean) =>
    sender.post({ url, allowPrivateNetwork, headers: {}, body: '{}' });

  it('takes a success for one, and everything else for what it is; redirects are not followed', async () => {
    const base = `http://127.0.0.1:${port}`;
    expect(await post(`${base}/taken`, true)).toEqual({ ok: true, status: 200, error: null });
    expect(await post(`${base}/busy`, true)).toMatchObject({ ok: false, status: 503 });
    expect(await post(`${base}/moved`, true)).toMatchObject({ ok: false, status: 302 });
    expect(asked).toEqual(['/taken', '/busy', '/moved']);
  });

  it('reaches no private address, by number or by a name that leads there', async () => {
    asked.length = 0;
    const answers = ['127.0.0.1', '10.1.2.3', '::1', '::ffff:127.0.0.1', '169.254.169.254'];
    expect(await post(`http://127.0.0.1:${port}/taken`, false)).toMatchObject({ ok: false, status: null });
    for (const address of answers) {
      const lookUp = jest
        .spyOn(dns, 'lookup')
        .mockImplementation(((
          _host: string,
          _options: object,
          callback: (error: null, found: { address: string; family: number }[]) => void,
        ) => callback(null, [{ address, family: address.includes(':') ? 6 : 4 }])) as never);
      const { status, error } = await post(`http://hooks.example.com:${port}/taken`, false);
      expect({ status, error }).toEqual({ status: null, error: expect.stringMatching(/private, loopback/) as string });
      expect(lookUp).toHaveBeenCalled();
      lookUp.mockRestore();
    }
    expect(asked).toEqual([]);
  });

  it('waits longer each time, at most six hours', () => {
    const waits = Array.from({ length: 12 }, (_, index) => retryAfterMs(index + 1));
    expect(waits[0]).toBe(2_000);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(6 * 60 * 60_000);
  });

  it('signs as the Standard Webhooks specification says', () => {
    // The example of the specification's own libraries.
    const headers = signatureHeaders(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330,
      '{"test": 2432232314}',
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});
