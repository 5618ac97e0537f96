import { request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeUpstream } from '../support/fake-upstream';
import { sseData } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

jest.setTimeout(120_000);

const PIECE = 'x'.repeat(16_384);
const PIECES = 2_500;
/** What sockets of the loopback may hold on both sides, with much room; the answer is several times as long. */
const IN_TRANSIT_BYTES = 24_000_000;
const STEADY_POLLS = 10;

const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

describe('(92) a reader who takes his time', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    gateway = await startGateway(`
providers:
  openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o-mini] }
cache: { enabled: false }
streams: { cutoff: false }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  const open = (route: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const call = request(`${gateway.url}${route}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      });
      call.on('response', resolve);
      call.on('error', reject);
      call.end(
        JSON.stringify({
          model: 'gpt-4o-mini',
          stream: true,
          max_tokens: 16_000,
          messages: [{ role: 'user', content: 'x' }],
        }),
      );
    });

  it('holds the provider back instead of filling the memory, and misses nothing', async () => {
    const route = '/v1/messages';
    let sentBytes = 0;
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let piece = 0;
      const write = (): void => {
        while (piece < PIECES) {
          piece += 1;
          const text = chunk(PIECE);
          sentBytes += text.length;
          if (!response.write(text)) {
            response.once('drain', write);
            return;
          }
        }
        response.end(`${chunk('', 'stop')}data: [DONE]\n\n`);
      };
      write();
    };
    const response = await open(route);
    expect(response.statusCode).toBe(200);
    response.pause();
    let before = -1;
    let steady = 0;
    await until(async () => {
      steady = sentBytes === before ? steady + 1 : 0;
      before = sentBytes;
      await sleep(50);
      return steady >= STEADY_POLLS;
    }, 60_000);
    expect(sentBytes).toBeLessThan(IN_TRANSIT_BYTES);
    let said = 0;
    let tail = '';
    for await (const bytes of response) {
      const text = String(bytes);
      said += text.split('x').length - 1;
      tail = (tail + text).slice(-400);
    }
    expect(tail).toMatch(/\[DONE\]|message_stop/);
    expect(said).toBeGreaterThanOrEqual(PIECES * PIECE.length);
    process.stdout.write(
      `${route}: the provider was held back after ${(before / 1e6).toFixed(1)} of ${(sentBytes / 1e6).toFixed(1)} MB\n`,
    );
  });

  it('gets each piece as it comes', async () => {
    let next = (): void => undefined;
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let piece = 0;
      next = () => {
        piece += 1;
        response.write(chunk(`piece ${piece}`));
        if (piece === 5) response.end(`${chunk('', 'stop')}data: [DONE]\n\n`);
      };
      next();
    };
    const response = await open('/v1/chat/completions');
    let text = '';
    response.on('data', (bytes: Buffer) => (text += bytes.toString()));
    // The next is written only when the one before has arrived: a buffer anywhere would end this by its timeout.
    for (let piece = 1; piece <= 4; piece += 1) {
      await until(() => text.includes(`piece ${piece}`));
      expect(text).not.toContain(`piece ${piece + 1}`);
      next();
    }
    await until(() => text.includes('[DONE]'));
    expect(sseData(text)).toHaveLength(7);
  });
});
