import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { Child } from './child';
import { DoomedRedis } from './doomed-redis';
import { ADMIN_KEY } from './gateway';
import { scripted, ScriptedProvider, type Script } from './scripted-provider';
import { createTestDatabase } from './test-database';
import { freePort } from './test-redis';
import { until } from './until';

const PROGRAM = path.join(__dirname, 'limited-gateway.child.ts');
const LINK = path.join(__dirname, 'tcp-link.child.ts');
/** A start on a machine that does much else. */
const START_MS = 200_000;

export interface Call {
  readonly secret: string;
  readonly model?: string;
  readonly maxTokens?: number;
  /** What the provider bills. */
  readonly tokens?: number;
  readonly script?: Script;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** The same number is the same question. */
  readonly number?: string;
}

/** One call as seen from outside. Status 0: it was broken off. */
export interface Asked {
  readonly gateway: number;
  readonly status: number;
  readonly sentMs: number;
  /** When it reached the provider, for one that was admitted; else when the refusal came. The decision was not later. */
  readonly answeredMs: number;
  readonly endedMs: number;
  readonly degraded: boolean;
  readonly isCached: boolean;
  readonly retryAfterMs: number | null;
  readonly text: string;
  /** Tokens the provider billed. */
  readonly cost: number;
}

export interface Team {
  readonly id: string;
  readonly keyIds: readonly string[];
  readonly secrets: readonly string[];
}

/** Windows in milliseconds by scope; a scope that is not named has the product's own. */
export type Windows = Readonly<Record<string, number>>;

/** Three whole gateways in processes of their own: one database, one Redis at the end of a link, one provider. */
export class LimitedFleet {
  private calls = 0;
  private names = 0;
  private readonly agent = new Agent({ connections: 64, pipelining: 1 });
  private children: Child[] = [];
  private departmentId = '';

  private constructor(
    private readonly folder: string,
    private readonly ports: readonly number[],
    private readonly variables: Readonly<Record<string, string>>,
    readonly redis: DoomedRedis,
    private readonly link: Child,
    readonly provider: ScriptedProvider,
  ) {}

  static async start(windows: Windows): Promise<LimitedFleet> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-limited-'));
    const [redis, provider, databaseUrl] = await Promise.all([
      DoomedRedis.start(),
      ScriptedProvider.start(),
      createTestDatabase(),
    ]);
    const link = Child.run(LINK, [redis.url]);
    const [, linkedUrl = ''] = await link.printed(/linked (\S+)/);
    const ports = [await freePort(), await freePort(), await freePort()];
    const variables = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: linkedUrl,
      TEST_WINDOWS: JSON.stringify(windows),
      TEST_CLOCK: path.join(folder, 'clock'),
    };
    const fleet = new LimitedFleet(folder, ports, variables, redis, link, provider);
    fleet.configure('local_share');
    // The first makes the tables and the secrets.
    await fleet.boot(0);
    await Promise.all([fleet.boot(1), fleet.boot(2)]);
    await until(async () => (await fleet.shared()).length === 3, START_MS);
    fleet.departmentId = (await fleet.made('/departments', { name: 'limited' })).id;
    return fleet;
  }

  get size(): number {
    return this.ports.length;
  }

  process(gateway: number): Child {
    return this.children[gateway]!;
  }

  async boot(gateway: number): Promise<void> {
    const child = Child.run(PROGRAM, [], {
      env: {
        PORT: String(this.ports[gateway]),
        HOST: '127.0.0.1',
        GATEWAY_CONFIG: this.file,
        GATEWAY_DATA_DIR: path.join(this.folder, 'data'),
        GATEWAY_ADMIN_KEY: ADMIN_KEY,
        GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
        LOG_LEVEL: 'warn',
        ...this.variables,
      },
    });
    this.children[gateway] = child;
    await until(async () => {
      if (child.process.exitCode !== null) throw new Error(`the gateway did not start:\n${child.text}`);
      return (await this.get(gateway, '/health').catch(() => null))?.status === 200;
    }, START_MS);
  }

  /** Makes the policy that of every gateway, without a restart. */
  async policy(onStoreDown: 'local_share' | 'deny' | 'allow'): Promise<void> {
    this.configure(onStoreDown);
    for (let gateway = 0; gateway < this.size; gateway += 1) {
      const { status, body } = await this.admin('POST', '/config/reload', undefined, gateway);
      if (status !== 200) throw new Error(JSON.stringify(body));
    }
  }

  /** How many calls of Redis got no answer in time, at all gateways. */
  get unanswered(): number {
    return this.children.reduce((sum, { text }) => sum + text.split('unanswered by Redis').length - 1, 0);
  }

  /** What any gateway and Redis tell each other is lost, and their sockets stay open. */
  silence(): void {
    this.link.process.kill('SIGUSR2');
  }

  speak(): void {
    this.link.process.kill('SIGHUP');
  }

  /** Turns the time of Redis by so many milliseconds; null: back to its own. */
  turnClock(offsetMs: number | null): void {
    const file = this.variables['TEST_CLOCK']!;
    if (offsetMs === null) rmSync(file, { force: true });
    else writeFileSync(file, String(offsetMs));
  }

  async team(limits: object | null, keys = 2, keyLimits: object | null = null): Promise<Team> {
    this.names += 1;
    const team = await this.made('/teams', {
      name: `team ${this.names}`,
      department_id: this.departmentId,
      limits,
    });
    const made = [];
    for (let index = 0; index < keys; index += 1) {
      made.push(await this.made('/keys', { name: `key ${index}`, team_id: team.id, limits: keyLimits }));
    }
    return { id: team.id, keyIds: made.map(({ id }) => id), secrets: made.map(({ secret }) => secret) };
  }

  /** One call, whatever becomes of it. */
  async ask(gateway: number, call: Call): Promise<Asked> {
    this.calls += 1;
    const { tokens = 2, script = 'answer', stream = false, model = 'plain', maxTokens = 20 } = call;
    const number = call.number ?? `${gateway}-${this.calls}`;
    const sentMs = performance.now();
    const asked = {
      gateway,
      sentMs,
      cost: tokens,
      status: 0,
      degraded: false,
      isCached: false,
      retryAfterMs: null,
      text: '',
    };
    const end = (facts: Partial<Asked>): Asked => {
      const endedMs = performance.now();
      return { ...asked, answeredMs: this.provider.arrivedMs.get(number) ?? endedMs, endedMs, ...facts };
    };
    try {
      const response = await request(`http://127.0.0.1:${this.ports[gateway]}/v1/chat/completions`, {
        method: 'POST',
        dispatcher: this.agent,
        signal: call.signal ?? AbortSignal.timeout(60_000),
        headers: {
          authorization: `Bearer ${call.secret}`,
          'content-type': 'application/json',
          'cache-control': 'no-store',
          ...call.headers,
        },
        body: JSON.stringify({
          model,
          max_tokens: maxTokens,
          stream,
          messages: [{ role: 'user', content: scripted(number, script, tokens) }],
        }),
      });
      const text = await response.body.text();
      const wait = response.headers['retry-after-ms'];
      return end({
        status: response.statusCode,
        degraded: response.headers['x-gateway-ratelimit'] === 'degraded' || text.includes('does not answer'),
        isCached: response.headers['x-gateway-cache'] === 'hit',
        retryAfterMs: wait === undefined ? null : Number(wait),
        text,
      });
    } catch {
      return end({});
    }
  }

  async admin(method: 'GET' | 'POST' | 'PATCH', route: string, body?: unknown, gateway = 0) {
    const response = await request(`http://127.0.0.1:${this.ports[gateway]}/api/v1${route}`, {
      method,
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.statusCode, body: (await response.body.json()) as Record<string, unknown> };
  }

  async made(route: string, body: object): Promise<{ id: string; secret: string }> {
    let answer = await this.admin('POST', route, body);
    // A database that is too busy to answer in time is asked again.
    for (let attempt = 0; answer.status === 503 && attempt < 10; attempt += 1) {
      await sleep(500);
      answer = await this.admin('POST', route, body);
    }
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return answer.body as { id: string; secret: string };
  }

  /** What is used of the windows and slots of one. */
  async use(scope: string, id: string, gateway = 0): Promise<{ requests: number; tokens: number; running: number }> {
    const { body } = await this.admin('GET', `/limits/${scope}/${id}`, undefined, gateway);
    const of = (name: string): number => (body[name] as { used: number }).used;
    return { requests: of('requests'), tokens: of('tokens'), running: of('concurrency') };
  }

  /** Gateways that count in the shared windows and know of all others. */
  async shared(): Promise<number[]> {
    const found: number[] = [];
    for (let gateway = 0; gateway < this.size; gateway += 1) {
      const answer = await this.get(gateway, '/health/ready').catch(() => null);
      if (answer?.text.includes(`counted in Redis by ${this.size} replica(s)`)) found.push(gateway);
    }
    return found;
  }

  /** The value of a metric without labels. */
  async metric(gateway: number, name: string): Promise<number> {
    const { text } = await this.get(gateway, '/metrics');
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  url(gateway: number): string {
    return `http://127.0.0.1:${this.ports[gateway]}`;
  }

  async close(): Promise<void> {
    this.redis.thaw();
    for (const { process } of this.children) {
      process.kill('SIGCONT');
      process.kill('SIGKILL');
    }
    await Promise.all(this.children.map(({ exit }) => exit));
    await this.agent.destroy();
    await this.provider.close();
    this.link.process.kill('SIGKILL');
    await this.link.exit;
    await this.redis.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get file(): string {
    return path.join(this.folder, 'gateway.yaml');
  }

  private configure(onStoreDown: string): void {
    const provider = (name: string, models: string): string =>
      `  ${name}: { type: openai-compatible, api_key: k, base_url: "${this.provider.url}", allow_private_network: true, models: [${models}] }\n`;
    writeFileSync(
      this.file,
      `providers:\n${provider('main', 'plain, tight')}${provider('other', 'spare')}` +
        `models: { chained: { targets: [{ provider: main, model: plain }, { provider: other, model: spare }] } }\n` +
        `routing: { fallback: explicit, retries: 0, breaker: { failures: 1000 } }\n` +
        `rate_limits:\n  on_store_down: ${onStoreDown}\n  organization: { requests_per_minute: 100000000 }\n` +
        `  models: { tight: { requests_per_minute: 1 } }\n` +
        `pricing: { unknown: free }\ncache: { enabled: true }\n`,
    );
  }

  private async get(gateway: number, route: string): Promise<{ status: number; text: string }> {
    const response = await request(`${this.url(gateway)}${route}`, { dispatcher: this.agent });
    return { status: response.statusCode, text: await response.body.text() };
  }
}
