import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppConfig } from '../../src/app.config';
import { ConfigModule } from '../../src/platform/config/config.module';
import { FileLiveConfig } from '../../src/platform/config/file-live-config';

const completion = (name: string): string =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, message: { role: 'assistant', content: name }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });

describe('reload under load (LIF-2)', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-reload-'));
  const file = path.join(folder, 'gateway.yaml');
  let one: FakeUpstream;
  let two: FakeUpstream;
  let gateway: TestGateway;

  const write = (upstream: FakeUpstream, extra = ''): void =>
    writeFileSync(
      file,
      `providers: { openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o-mini] } }\n${extra}`,
    );

  beforeAll(async () => {
    one = await FakeUpstream.start();
    two = await FakeUpstream.start();
    for (const [upstream, name] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      upstream.answer = ({ body }, response) => {
        const { stream } = JSON.parse(body.toString()) as { stream?: boolean };
        if (!stream) return void response.writeHead(200, { 'content-type': 'application/json' }).end(completion(name));
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let sent = 0;
        const timer = setInterval(() => {
          sent += 1;
          const finish = sent === 40 ? '"stop"' : 'null';
          response.write(
            `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"${name} "},"finish_reason":${finish}}]}\n\n`,
          );
          if (sent < 40) return;
          clearInterval(timer);
          response.end('data: [DONE]\n\n');
        }, 50);
      };
    }
    write(one);
    gateway = await startGateway('', {}, (variables) => ConfigModule.forFile(AppConfig, file, variables));
  });
  afterAll(async () => {
    await gateway.close();
    await Promise.all([one.close(), two.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (stream: boolean) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', stream, messages: [{ role: 'user', content: 'x' }] }),
    });

  it('100 reloads under load fail no request; a stream keeps the provider it started with', async () => {
    const config = gateway.app.get(FileLiveConfig);
    const stream = await ask(true);
    const statuses: number[] = [];
    const seen = new Set<string>();
    let isOver = false;
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const response = await ask(false);
        const body = (await response.json()) as { choices: { message: { content: string } }[] };
        statuses.push(response.status);
        seen.add(String(body.choices[0]?.message.content));
      }
    });
    for (let round = 0; round < 100; round += 1) {
      write(round % 2 === 0 ? two : one, `# ${round}\n`);
      expect(await config.reload()).toMatchObject({ reloaded: true, problems: [] });
      await sleep(10);
    }
    isOver = true;
    await Promise.all(load);
    const text = await stream.text();
    expect(text).toContain('[DONE]');
    expect(text).not.toContain('two');
    expect(text.match(/one /g)).toHaveLength(40);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(seen).toEqual(new Set(['one', 'two']));
    console.log(`100 reloads: ${statuses.length} requests, 0 failed`);
  });

  it('a bad file changes nothing and says why; a good one names its version in the record', async () => {
    write(one);
    const before = await gateway.admin('POST', '/config/reload');
    expect(before.status).toBe(200);
    writeFileSync(file, 'providers: { openai: { models: [] } }\n');
    const refused = await gateway.admin('POST', '/config/reload');
    expect(refused.status).toBe(409);
    expect(JSON.stringify(refused.body)).toContain('providers.openai');
    const response = await ask(false);
    expect(response.status).toBe(200);
    const record = await gateway.recordOf(String(response.headers.get('x-request-id')));
    expect(record['config_version']).toBe((before.body as { version: string }).version);
  });
});
