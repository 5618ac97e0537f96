import type { NestExpressApplication } from '@nestjs/platform-express';
import { HOT_PATHS } from '../../src/app.setup';
import { startGateway, type TestGateway } from '../support/gateway';

/** Routes anybody may ask: no secret is told there. */
const OPEN = [/^\/health(\/live|\/ready)?$/, /^\/metrics$/, /^\/docs/];

/** Pages have sessions, not keys: their matrix of roles and routes is in console.spec.ts. */
const isConsole = (path: string): boolean => path === '/admin' || path.startsWith('/admin/');

interface Operation {
  readonly summary?: string;
  readonly tags?: string[];
  readonly security?: unknown[];
  readonly parameters?: { name: string; in: string; schema?: object }[];
  readonly requestBody?: { content: Record<string, { schema?: object; example?: unknown; examples?: unknown }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema?: object }> }>;
}

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    schemas?: Record<string, { properties?: Record<string, { example?: unknown; $ref?: string }> }>;
    securitySchemes: object;
  };
}

interface Layer {
  readonly route?: { path: string | string[]; methods: Record<string, boolean> };
}

/** Every route Express knows, and the two that are served before it. */
function routesOf(app: NestExpressApplication): { method: string; path: string }[] {
  const express = app.getHttpAdapter().getInstance() as unknown as { router: { stack: Layer[] } };
  const known = express.router.stack.flatMap(({ route }) =>
    route ? [route.path].flat().flatMap((path) => Object.keys(route.methods).map((method) => ({ method, path }))) : [],
  );
  return [...known, ...[...HOT_PATHS].map((path) => ({ method: 'post', path }))];
}

describe('the whole surface', () => {
  let gateway: TestGateway;
  let document: OpenApi;
  let routes: { method: string; path: string }[];

  beforeAll(async () => {
    gateway = await startGateway('providers: { simulator: { models: [gpt-4o-mini, gpt-4o, gpt-4.1] } }');
    document = (await (await fetch(`${gateway.url}/docs-json`)).json()) as OpenApi;
    routes = routesOf(gateway.app).filter(({ path }) => !path.startsWith('/docs') && !isConsole(path));
  });
  afterAll(() => gateway.close());

  const concrete = (path: string): string => path.replace(/[:*]\w+/g, 'none');

  it('has routes', () => expect(routes.length).toBeGreaterThan(25));

  it('refuses every route but the open ones without a key, whatever its id', async () => {
    for (const { method, path } of routes) {
      if (OPEN.some((open) => open.test(path))) continue;
      const response = await fetch(gateway.url + concrete(path), {
        method: method.toUpperCase(),
        headers: { 'content-type': 'application/json' },
        ...(method === 'get' || method === 'head' ? {} : { body: '{}' }),
      });
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 401 });
    }
  });

  it('keeps an inference key out of the management API', async () => {
    for (const { method, path } of routes.filter((route) => route.path.startsWith('/api/'))) {
      const response = await fetch(gateway.url + concrete(path), {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        ...(method === 'get' ? {} : { body: '{}' }),
      });
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 403 });
    }
  });

  it('documents every route with a summary, its answers, its errors and its security', () => {
    expect(document.openapi).toMatch(/^3\./);
    for (const { method, path } of routes) {
      const documented = path.replace(/\/\*(\w+)/g, '/{$1}').replace(/:(\w+)/g, '{$1}');
      const operation = document.paths[documented]?.[method];
      expect({ method, path: documented, isDocumented: operation !== undefined }).toEqual({
        method,
        path: documented,
        isDocumented: true,
      });
      if (!operation) continue;
      expect({ method, path, summary: typeof operation.summary }).toEqual({ method, path, summary: 'string' });
      expect(operation.tags?.length).toBeGreaterThan(0);
      const statuses = Object.keys(operation.responses);
      expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
      if (OPEN.some((open) => open.test(path))) continue;
      expect({ path, statuses }).toEqual({ path, statuses: expect.arrayContaining(['401']) as string[] });
      expect({ path, isSecured: (operation.security?.length ?? 0) > 0 }).toEqual({ path, isSecured: true });
    }
  });

  it('gives an example or a schema for every body', () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        if (!requestBody) continue;
        for (const body of Object.values(requestBody.content))
          expect({ method, path, schema: typeof body.schema }).toEqual({ method, path, schema: 'object' });
      }
    }
  });

  it('every reference in the document leads somewhere', () => {
    const schemas = Object.keys(document.components.schemas ?? {});
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      (match) => match[1],
    );
    for (const reference of references) expect(schemas).toContain(reference);
  });

  it('“try it out” works: the example of the document, with a key, is answered', async () => {
    const chat = document.paths['/v1/chat/completions']?.['post']?.requestBody?.content['application/json']?.schema as {
      example: object;
    };
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat.example),
    });
    expect(response.status).toBe(200);
    const page = await fetch(`${gateway.url}/docs`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
  });

  it('serves Prometheus metrics without a user or a key in any label', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const name of [
      'gen_ai_server_request_duration_seconds_count',
      'gen_ai_client_token_usage',
      'gateway_cost_usd_total',
      'gateway_attempts_total',
      'gateway_inflight_requests',
      'gateway_journal_backlog_records',
      'process_cpu_seconds_total',
    ]) {
      expect(text).toContain(name);
    }
    expect(text).not.toMatch(/(key|user|team)(_id)?="/);
    expect(text).not.toContain('key_');
  });

  it('tells readiness for each dependency', async () => {
    const response = await fetch(`${gateway.url}/health/ready`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'ok',
      dependencies: { database: { status: 'up' }, redis: { status: 'up' } },
    });
    expect(await (await fetch(`${gateway.url}/health`)).json()).toEqual({ status: 'ok' });
  });

  const call = (route: string, body?: object, headers: Record<string, string> = {}) =>
    fetch(gateway.url + route, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const hello = { model: 'gpt-4o-mini', max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] };

  it.each([
    ['JSON', () => call('/v1/chat/completions', hello), 200],
    ['a stream', () => call('/v1/chat/completions', { ...hello, stream: true }), 200],
    ['Messages', () => call('/v1/messages', hello), 200],
    ['a stream of Messages', () => call('/v1/messages', { ...hello, stream: true }), 200],
    ['an unknown model', () => call('/v1/chat/completions', { ...hello, model: 'nope' }), 404],
    ['a body that is wrong', () => call('/v1/messages', { model: 'gpt-4o-mini' }), 400],
    ['a wrong key', () => call('/v1/chat/completions', hello, { authorization: 'Bearer gw_wrong' }), 401],
    ['a wrong gateway header', () => call('/v1/chat/completions', hello, { 'x-gateway-fallback': 'never' }), 400],
    ['models', () => call('/v1/models'), 200],
    ['models for Anthropic', () => call('/v1/models', undefined, { 'anthropic-version': '2023-06-01' }), 200],
    ['an explanation', () => call('/v1/explain', hello), 200],
    ['feedback', () => call('/v1/cache/feedback', { request_id: 'req_1', verdict: 'wrong' }), 400],
  ])('carries the headers of every answer: %s', async (name, ask, status) => {
    const response = await ask();
    await response.text();
    expect(response.status).toBe(status);
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
    expect(response.headers.get('x-gateway-attempts')).toMatch(/^\d+$/);
    expect(response.headers.get('x-gateway-fallback')).toBe('false');
    expect(response.headers.get('x-gateway-cache')).toBe('bypass');
    expect(Number(response.headers.get('x-gateway-overhead-ms'))).toBeGreaterThanOrEqual(0);
    if (status !== 200) expect(response.headers.get('x-gateway-error-source')).toBe('gateway');
    if (/Messages|Anthropic/.test(name))
      expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
  });

  it('pages the models in Anthropic’s shape, forwards and back', async () => {
    interface Page {
      data: { id: string }[];
      has_more: boolean;
      first_id: string | null;
      last_id: string | null;
    }
    const list = async (query: string): Promise<Page> => {
      const response = await call(`/v1/models${query}`, undefined, { 'anthropic-version': '2023-06-01' });
      expect(response.status).toBe(200);
      return (await response.json()) as Page;
    };
    const ids = (await list('')).data.map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(1);
    const seen: string[] = [];
    for (let page = await list('?limit=1'); ; page = await list(`?limit=1&after_id=${page.last_id!}`)) {
      seen.push(...page.data.map(({ id }) => id));
      expect(page).toMatchObject({ first_id: seen.at(-1), last_id: seen.at(-1), has_more: seen.length < ids.length });
      if (!page.has_more) break;
    }
    expect(seen).toEqual(ids);
    expect((await list(`?limit=1&before_id=${ids[1]!}`)).data).toMatchObject([{ id: ids[0] }]);
    const refused = await call('/v1/models?limit=0', undefined, { 'anthropic-version': '2023-06-01' });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('limit must be a whole number from 1 to 1000');
  });

  it('tells of a model by its name and by `provider/model`, and of no other', async () => {
    for (const name of ['gpt-4o-mini', 'simulator/gpt-4o-mini']) {
      const response = await call(`/v1/models/${name}`);
      expect({ name, status: response.status, body: await response.json() }).toMatchObject({
        name,
        status: 200,
        body: { id: name, object: 'model' },
      });
    }
    expect((await call('/v1/models/simulator/gpt-9')).status).toBe(404);
  });
});
