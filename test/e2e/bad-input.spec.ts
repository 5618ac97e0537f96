import { once } from 'node:events';
import { connect } from 'node:net';
import { FakeUpstream } from '../support/fake-upstream';
import { ADMIN_KEY, startGateway, type TestGateway } from '../support/gateway';

const completion = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

describe('bad input', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(completion));
    };
    gateway = await startGateway(`
providers:
  openai: { api_key: sk-upstream, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o, gpt-4o-mini] }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  const send = async (body: string | Buffer, route = '/v1/chat/completions', headers: Record<string, string> = {}) => {
    const response = await fetch(`${gateway.url}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Record<string, never> };
  };
  const good = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };
  const having = (change: object) => JSON.stringify({ ...good, ...change });
  const nested = (depth: number) => `{"model":"gpt-4o-mini","messages":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it.each([
    ['malformed JSON', '{"model": ', null],
    ['an empty body', '', null],
    ['a list', '[]', null],
    ['text', '"hello"', null],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), null],
    ['10,000 levels', nested(10_000), null],
    ['__proto__', '{"__proto__":{"polluted":true},"model":"gpt-4o-mini","messages":[]}', '__proto__'],
    ['duplicate keys', '{"model":"gpt-4o","model":"gpt-4o-mini","messages":[]}', 'model'],
    ['a number that overflows', having({}).replace('}]', '}],"temperature":1e999'), null],
    ['no model', JSON.stringify({ messages: good.messages }), 'model'],
    ['a model that is a number', having({ model: 4 }), 'model'],
    ['no messages', JSON.stringify({ model: 'gpt-4o-mini' }), 'messages'],
    ['empty messages', having({ messages: [] }), 'messages'],
    ['messages of text', having({ messages: 'hi' }), 'messages'],
    ['a message of text', having({ messages: ['hi'] }), 'messages[0]'],
    ['a message without role', having({ messages: [{ content: 'hi' }] }), 'messages[0].role'],
    ['content that is a number', having({ messages: [{ role: 'user', content: 5 }] }), 'messages[0].content'],
    ['stream that is text', having({ stream: 'yes' }), 'stream'],
    ['stream_options that is a list', having({ stream: true, stream_options: [] }), 'stream_options'],
    ['max_tokens of zero', having({ max_tokens: 0 }), 'max_tokens'],
    ['max_tokens negative', having({ max_completion_tokens: -5 }), 'max_completion_tokens'],
    ['n of a half', having({ n: 1.5 }), 'n'],
    ['temperature that is text', having({ temperature: 'hot' }), 'temperature'],
    ['tools that are text', having({ tools: 'all' }), 'tools'],
    ['a response format of text', having({ response_format: 'json' }), 'response_format'],
    ['stop that is a number', having({ stop: 5 }), 'stop'],
    ['logprobs of one', having({ logprobs: 1 }), 'logprobs'],
    ['a seed of a half', having({ seed: 1.5 }), 'seed'],
    ['a tool choice that is a list', having({ tool_choice: [] }), 'tool_choice'],
  ])('%s is a 400 that says where', async (_, body, param) => {
    const before = upstream.received.length;
    const answer = await send(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      error: { type: 'invalid_request_error', code: 'invalid_request_error', param },
    });
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(answer.headers.get('x-gateway-error-source')).toBe('gateway');
    expect(upstream.received).toHaveLength(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('(93, 100) says it in Anthropic’s shape on Anthropic’s route', async () => {
    const answer = await send('{', '/v1/messages');
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(answer.body['request_id']).toBe(answer.headers.get('request-id'));
    const missing = await send(JSON.stringify({ model: 'gpt-4o', messages: good.messages }), '/v1/messages');
    expect(missing.body).toMatchObject({ error: { details: { param: 'max_tokens' } } });
    for (const [param, value] of Object.entries({ system: 5, temperature: 'hot', stop_sequences: 'x', tools: {} })) {
      const wrong = await send(having({ max_tokens: 5, [param]: value }), '/v1/messages');
      expect(wrong).toMatchObject({ status: 400, body: { error: { details: { param } } } });
    }
  });

  it('an 11 MB body is a 413, declared or streamed', async () => {
    const big = having({ messages: [{ role: 'user', content: 'x'.repeat(11_534_336) }] });
    expect(await send(big)).toMatchObject({ status: 413, body: { error: { code: 'request_too_large' } } });
    const response = await raw(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nTransfer-Encoding: chunked\r\n\r\n',
      (write) => {
        const piece = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
        for (let sent = 0; sent < 11; sent += 1) write(piece);
      },
    );
    expect(response).toContain('413');
    expect(response).toContain('request_too_large');
  });

  it.each([
    ['/v1/chat/completions', 11],
    ['/v1/chat/completions', 60],
    ['/api/v1/departments', 11],
  ])('a client that sends all before it reads gets the 413 of %s: %i MB', async (route, megabytes) => {
    const { hostname, port } = new URL(gateway.url);
    const socket = connect({ port: Number(port), host: hostname });
    const failed = once(socket, 'error').then(([error]) => Promise.reject(error as Error));
    const key = route.startsWith('/v1') ? gateway.apiKey : ADMIN_KEY;
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const sending = async (): Promise<string> => {
      socket.write(
        `POST ${route} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${megabytes * megabyte.length}\r\n\r\n`,
      );
      for (let sent = 0; sent < megabytes; sent += 1) {
        if (!socket.write(megabyte)) await once(socket, 'drain');
      }
      const [first] = (await once(socket, 'data')) as [Buffer];
      return first.toString();
    };
    const answer = await Promise.race([sending(), failed]);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('"code":"request_too_large"');
    expect(answer).toContain('larger than 10485760 bytes');
    socket.removeAllListeners('error').destroy();
  });

  it('a management body that is no JSON is told in our own words', async () => {
    const response = await fetch(`${gateway.url}/api/v1/departments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: '{"name":',
    });
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { error: { message: 'The request body is not valid JSON.', code: 'invalid_request_error' } },
    });
  });

  it('a 9 MB body is served', async () => {
    expect((await send(having({ messages: [{ role: 'user', content: 'x'.repeat(9_000_000) }] }))).status).toBe(200);
  });

  it('an unknown model is a 404 with near names', async () => {
    const answer = await send(having({ model: 'gpt-4o-mni' }));
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({
      error: { code: 'model_not_found', param: 'model', message: expect.stringContaining('gpt-4o-mini') as string },
    });
  });

  it.each([
    ['no key', undefined],
    ['a wrong key', 'Bearer gw_abcdefgh_00000000000000000000000000000000000000'],
    ['the admin key', `Bearer ${ADMIN_KEY}`],
    ['SQL', "Bearer ' OR 1=1 --"],
    ['a very long key', `Bearer ${'x'.repeat(10_000)}`],
    ['no scheme', 'gw_x'],
  ])('%s is a 401 with the one message', async (_, authorization) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      body: JSON.stringify(good),
    });
    expect(response.status).toBe(401);
    const body = (await response.json()) as { error: { message: string; code: string } };
    expect(body.error.code).toBe('invalid_api_key');
    expect(body.error.message).toContain('missing or not valid');
  });

  it('(113) a key that is revoked, expired or not for this model is refused, and nothing reaches the provider', async () => {
    const { body: teams } = await gateway.admin('GET', '/teams');
    const teamId = (teams as { data: { id: string }[] }).data[0]?.id;
    const create = async (fields: object) =>
      (await gateway.admin('POST', '/keys', { name: 'k', team_id: teamId, ...fields })).body as {
        id: string;
        secret: string;
      };
    const before = upstream.received.length;
    const narrow = await create({ allowed_models: ['gpt-4o'] });
    const refused = await send(having({}), '/v1/chat/completions', { authorization: `Bearer ${narrow.secret}` });
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'model_not_allowed', param: 'model' } } });
    const expiring = await create({ expires_at: new Date(Date.now() + 1500).toISOString() });
    const revoked = await create({});
    const with_ = (key: { secret: string }) =>
      send(having({}), '/v1/chat/completions', { authorization: `Bearer ${key.secret}` });
    expect((await with_(revoked)).status).toBe(200);
    expect((await with_(expiring)).status).toBe(200);
    expect((await gateway.admin('DELETE', `/keys/${revoked.id}`)).status).toBe(204);
    await new Promise((resolve) => setTimeout(resolve, 1600));
    expect((await with_(revoked)).status).toBe(401);
    expect((await with_(expiring)).status).toBe(401);
    expect(upstream.received).toHaveLength(before + 2);
    // Any of the three headers carries the key.
    for (const name of ['x-api-key', 'api-key']) {
      const answer = await send(having({ model: 'gpt-4o' }), '/v1/chat/completions', {
        authorization: '',
        [name]: narrow.secret,
      });
      expect(answer.status).toBe(200);
    }
  });

  it('(93) a path that does not exist is a 404 in the dialect', async () => {
    expect(await send('{}', '/v1/nothing')).toMatchObject({
      status: 404,
      body: { error: { code: 'route_not_found' } },
    });
    expect(await send('{}', '/v1/messages/nothing')).toMatchObject({ status: 404, body: { type: 'error' } });
    expect((await fetch(`${gateway.url}/v1/chat/completions`)).status).toBe(404);
  });

  /** What a raw HTTP request is answered with. */
  function raw(head: string, body: (write: (text: string) => void) => void = () => undefined): Promise<string> {
    const { hostname, port } = new URL(gateway.url);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('\r\n\r\n') && text.includes('}')) socket.destroy();
      });
      socket.on('close', () => resolve(text));
      socket.on('error', () => undefined);
      socket.setTimeout(5000, () => socket.destroy());
      socket.write(head.replace('KEY', gateway.apiKey));
      body((piece) => socket.write(piece));
    });
  }
  const json = JSON.stringify(good);
  const rest = `Content-Type: application/json\r\nContent-Length: ${json.length}\r\nAuthorization: Bearer KEY\r\n\r\n${json}`;

  it.each([
    ['two Host headers', `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nHost: b\r\n${rest}`],
    ['absolute form', `POST http://169.254.169.254/v1/chat/completions HTTP/1.1\r\nHost: a\r\n${rest}`],
    [
      'two Authorization headers',
      `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n${rest}`,
    ],
    ['no Host', `POST /v1/chat/completions HTTP/1.1\r\n${rest}`],
    ['two lengths', `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n${rest}`],
    ['length and chunks', `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${rest}`],
    ['no HTTP at all', 'hello there\r\n\r\n'],
  ])('%s is a 400', async (_, head) => {
    const before = upstream.received.length;
    expect(await raw(head)).toMatch(/^HTTP\/1.1 400 /);
    expect(upstream.received).toHaveLength(before);
  });

  it('headers of the gateway that are wrong are a 400', async () => {
    for (const headers of [
      { 'x-gateway-metadata': 'not json' },
      { 'x-gateway-metadata': '{"a":1}' },
      { 'x-gateway-timeout-ms': '-1' },
      { 'x-gateway-timeout-ms': 'soon' },
    ]) {
      expect((await send(having({}), '/v1/chat/completions', headers as Record<string, string>)).status).toBe(400);
    }
  });

  it('a refused request of a known caller is on record, without cost and without an attempt', async () => {
    const answer = await send(having({ model: 'nope' }), '/v1/chat/completions', {
      'x-gateway-metadata': '{"app":"test"}',
    });
    const record = await gateway.recordOf(String(answer.headers.get('x-request-id')));
    expect(record).toMatchObject({
      status: 404,
      error_code: 'model_not_found',
      requested_model: 'nope',
      cost_usd: '0',
      attempts: [],
    });
  });

  it('the process is still alive, and nothing was recorded as a success that was none', async () => {
    expect(await (await fetch(`${gateway.url}/health`)).json()).toEqual({ status: 'ok' });
    const { body } = await gateway.admin('GET', '/requests?limit=200');
    const rows = (body as { data: { status: number; error_code: string | null }[] }).data;
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect(row.error_code === null).toBe(row.status === 200);
  });
});
