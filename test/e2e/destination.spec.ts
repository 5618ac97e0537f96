import type { NestExpressApplication } from '@nestjs/platform-express';
import { createServer, type Server } from 'node:http';
import { HOT_PATHS } from '../../src/app.setup';
import { FakeUpstream } from '../support/fake-upstream';
import { ADMIN_KEY, startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';

jest.setTimeout(180_000);

const GPT = 'gpt-4o-mini';

interface Layer {
  readonly route?: { path: string | string[]; methods: Record<string, boolean> };
}

/** Every header that has named another provider to some gateway. */
const HEADERS = [
  'x-portkey-custom-host',
  'x-portkey-config',
  'x-portkey-provider',
  'x-base-url',
  'x-api-base',
  'x-upstream-url',
  'x-target-url',
  'x-forwarded-host',
  'x-original-url',
  'x-rewrite-url',
  'x-proxy-url',
  'x-gateway-base-url',
  'x-gateway-provider',
  'openai-base-url',
  'anthropic-base-url',
  'x-litellm-api-base',
  'x-llm-base-url',
  'forwarded',
  'referer',
  'origin',
  'destination',
  'location',
];
const FIELDS = [
  'base_url',
  'api_base',
  'baseURL',
  'baseUrl',
  'endpoint',
  'host',
  'url',
  'target',
  'provider',
  'api_url',
  'custom_host',
  'azure_endpoint',
  'proxy',
];

describe('callers never choose where a call goes (SEC-7)', () => {
  let trap: Server;
  let trapUrl: string;
  let trapped = 0;
  let upstream: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    trap = createServer((_, response) => {
      trapped += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    trapUrl = `http://127.0.0.1:${(trap.address() as { port: number }).port}`;
    upstream = await FakeUpstream.start();
    gateway = await startGateway(`
routing: { retries: 0 }
pricing: { unknown: free }
providers:
  openai: { api_key: k, base_url: "${upstream.url}", allow_private_network: true, models: [${GPT}, text-embedding-3-small] }
  claude: { type: anthropic, api_key: k, base_url: "${upstream.url}", allow_private_network: true, models: [claude-sonnet-4-20250514, none] }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
    trap.close();
  });
  beforeEach(() => (trapped = 0));

  /** Every route there is, with its method. */
  const routes = (app: NestExpressApplication): [method: string, path: string][] => {
    const express = app.getHttpAdapter().getInstance() as unknown as { router: { stack: Layer[] } };
    const known = express.router.stack.flatMap(({ route }) =>
      route
        ? [route.path]
            .flat()
            .flatMap((path) => Object.keys(route.methods).map((method): [string, string] => [method, path]))
        : [],
    );
    return [...known, ...[...HOT_PATHS].map((path): [string, string] => ['post', path])];
  };

  it('not by any header, field or address in a prompt, on any route', async () => {
    upstream.answer = (_, response) =>
      void response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"x"}}');
    const image = { type: 'image_url', image_url: { url: `${trapUrl}/image.png` } };
    const document = { type: 'image', source: { type: 'url', url: `${trapUrl}/image.png` } };
    const body = {
      model: GPT,
      max_tokens: 9,
      messages: [{ role: 'user', content: [{ type: 'text', text: trapUrl }, image, document] }],
      input: trapUrl,
      ...Object.fromEntries(FIELDS.map((field) => [field, field === 'provider' ? { base_url: trapUrl } : trapUrl])),
    };
    const headers = Object.fromEntries(HEADERS.map((name) => [name, trapUrl]));
    const all = routes(gateway.app).filter(([method, path]) => method !== 'head' && !/stream|events|live/.test(path));
    let sent = 0;
    for (const [method, path] of all) {
      for (const key of [gateway.apiKey, ADMIN_KEY]) {
        for (const extra of [{}, headers]) {
          const url = `${gateway.url}${path.replace(/:\w+|\{.*\}|\*\w*/g, 'openai')}?url=${encodeURIComponent(trapUrl)}&base_url=${encodeURIComponent(trapUrl)}`;
          const hasBody = method !== 'get';
          const response = await fetch(url, {
            method: method.toUpperCase(),
            redirect: 'manual',
            signal: AbortSignal.timeout(20_000),
            headers: {
              authorization: `Bearer ${key}`,
              ...(hasBody ? { 'content-type': 'application/json' } : {}),
              ...extra,
            },
            ...(hasBody ? { body: JSON.stringify(body) } : {}),
          });
          await response.arrayBuffer();
          sent += 1;
        }
      }
    }
    expect(all.length).toBeGreaterThan(25);
    expect(trapped).toBe(0);
    expect(upstream.received.length).toBeGreaterThan(0);
    guarantee(
      'SEC-7',
      `${sent} requests on ${all.length} routes name an address in headers, query, body and prompt: 0 connections to it`,
    );
  });

  it.each([301, 302, 303, 307, 308])(
    'not by a provider that redirects with %i, alone or in a chain',
    async (status) => {
      let hops = 0;
      upstream.answer = ({ path }, response) => {
        hops += 1;
        const next = path.includes('/hop') ? `${trapUrl}/secret` : `${upstream.url}/hop`;
        response.writeHead(status, { location: next }).end();
      };
      for (const [route, model] of [
        ['/v1/chat/completions', GPT],
        ['/v1/chat/completions', 'claude-sonnet-4-20250514'],
        ['/v1/messages', GPT],
        ['/v1/messages', 'claude-sonnet-4-20250514'],
        ['/v1/messages/count_tokens', 'claude-sonnet-4-20250514'],
        ['/v1/responses', GPT],
        ['/v1/embeddings', 'text-embedding-3-small'],
      ] as const) {
        hops = 0;
        const response = await fetch(`${gateway.url}${route}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${gateway.apiKey}`,
            'content-type': 'application/json',
            'x-gateway-fallback': 'off',
          },
          body: JSON.stringify({ model, max_tokens: 9, input: 'x', messages: [{ role: 'user', content: 'x' }] }),
        });
        const text = await response.text();
        // A count is estimated when the provider cannot be asked.
        if (!route.endsWith('count_tokens')) expect({ route, status: response.status }).toEqual({ route, status: 502 });
        expect({ route, hops, leaks: text.includes(trapUrl) }).toEqual({ route, hops: 1, leaks: false });
      }
      expect(trapped).toBe(0);
    },
  );
});
