import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AppConfig } from './app.config';
import { ConfigurationError } from './platform/config/configuration-error';
import { Environment, type Variables } from './platform/config/environment';
import { makeConfiguration } from './platform/config/load-configuration';

const ROOT = path.resolve(__dirname, '..');
const CASES = path.join(ROOT, 'test/support/config-cases');
const LINE = '\n----------\n';

function load(text: string, variables: Variables = {}): AppConfig {
  const environment = Environment.examine(variables).environment;
  return makeConfiguration({ root: AppConfig, environment, variables }, { name: 'gateway.yaml', text }).root;
}

function problemsOf(text: string, variables: Variables = {}): readonly string[] {
  try {
    load(text, variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/** `# env: NAME=value` lines of a case. */
function variablesOf(text: string): Variables {
  const pairs = [...text.matchAll(/^# env: (\w+)=(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value.replaceAll('\\n', '\n')]));
}

const TUTORIAL = `providers:
  openai:
    api_key: \${OPENAI_API_KEY}
    models: [gpt-4o, gpt-4o-mini]
    priority: 1
  anthropic:
    api_key: \${ANTHROPIC_API_KEY}
    models: [claude-sonnet-4-20250514, claude-3-5-haiku-20241022]
    priority: 2
rate_limits:
  default:
    requests_per_minute: 60
    tokens_per_minute: 100000
cache:
  enabled: true
  similarity_threshold: 0.95
  ttl_seconds: 3600
redis:
  url: redis://localhost:6379
database:
  url: postgresql://user:pass@localhost:5432/gateway
`;
const KEYS = {
  OPENAI_API_KEY: 'sk-openai-key',
  ANTHROPIC_API_KEY: 'sk-anthropic-key',
  OIDC_CLIENT_SECRET: 'oidc-secret',
};

describe('configuration cases', () => {
  const files = readdirSync(CASES).filter((file) => file.endsWith('.case'));

  it.each(files)('%s', (file) => {
    const [yaml = '', expected = ''] = readFileSync(path.join(CASES, file), 'utf8').split(LINE);
    const text = `${yaml}\n`;
    expect(problemsOf(text, variablesOf(text)).join('\n')).toBe(expected.trimEnd());
  });
});

describe('the configuration', () => {
  it('takes variables without quotes, inside brackets and braces too', () => {
    const { providers } = load(
      `providers:
  openai: { api_key: \${KEY}, models: [\${MODEL:-gpt-4o-mini}, gpt-4o, "\${OTHER}"], max_concurrency: \${MANY} }
  second: { type: openai, api_key: $\${KEY}, models: [gpt-4o] }
`,
      { KEY: 'sk-1 } x: [', OTHER: 'o3', MANY: '7' },
    );
    expect(providers.entries['openai']).toMatchObject({
      api_key: 'sk-1 } x: [',
      models: ['gpt-4o-mini', 'gpt-4o', 'o3'],
      max_concurrency: 7,
    });
    expect(providers.entries['second']?.api_key).toBe('${KEY}');
  });

  it('takes the file of the tutorial as it is', () => {
    const config = load(TUTORIAL, KEYS);
    expect(Object.keys(config.providers.entries)).toEqual(['openai', 'anthropic']);
    expect(config.providers.entries['anthropic']).toMatchObject({
      type: 'anthropic',
      api_key: 'sk-anthropic-key',
      models: ['claude-sonnet-4-20250514', 'claude-3-5-haiku-20241022'],
      priority: 2,
      max_concurrency: 200,
      timeouts: { connect: 3_000, idle: 30_000, total: 600_000 },
    });
    expect(config.providers.entries['anthropic']?.timeouts.first_byte).toBeUndefined();
    expect(config.rate_limits.default).toEqual({ requests_per_minute: 60, tokens_per_minute: 100_000 });
    expect(config.cache).toMatchObject({
      enabled: true,
      similarity_threshold: 0.95,
      ttl_seconds: 3_600,
      scope: 'team',
    });
    expect(config.redis.url).toBe('redis://localhost:6379');
    expect(config.database.url).toBe('postgresql://user:pass@localhost:5432/gateway');
  });

  it('says of the tutorial without keys which variable each provider lacks', () => {
    expect(problemsOf(TUTORIAL)).toEqual([
      'gateway.yaml:3:14 providers.openai.api_key: environment variable OPENAI_API_KEY is not set; set it, or write ${OPENAI_API_KEY:-default}',
      'gateway.yaml:7:14 providers.anthropic.api_key: environment variable ANTHROPIC_API_KEY is not set; set it, or write ${ANTHROPIC_API_KEY:-default}',
    ]);
  });

  it('runs with the file that ships, on the simulator', () => {
    const config = load(readFileSync(path.join(ROOT, 'config/gateway.yaml'), 'utf8'));
    expect(Object.keys(config.providers.entries)).toEqual(['simulator']);
    expect(config.providers.entries['simulator']).toMatchObject({ type: 'simulator', priority: 1 });
    expect(config.redis.url).toBeUndefined();
    expect(config.database.url).toBeUndefined();
  });

  it('makes providers of the keys in the environment when the file has none', () => {
    const config = load('providers:\n', KEYS);
    expect(Object.keys(config.providers.entries)).toEqual(['openai', 'anthropic']);
    expect(config.providers.entries['openai']).toMatchObject({ api_key: 'sk-openai-key', priority: 1 });
    expect(config.providers.entries['anthropic']?.models[0]).toBe('claude-sonnet-4-20250514');
  });

  it('takes the generated example as it is', () => {
    const text = readFileSync(path.join(ROOT, 'config/gateway.example.yaml'), 'utf8');
    expect(problemsOf(text, KEYS)).toEqual([]);
  });

  it('lets the environment override addresses', () => {
    const config = load(TUTORIAL, {
      ...KEYS,
      PORT: '0',
      HOST: '::1',
      DATABASE_URL: 'postgres://other/db',
      REDIS_URL: 'redis://other',
    });
    expect(config.server).toMatchObject({ port: 0, host: '::1' });
    expect(config.database.url).toBe('postgres://other/db');
    expect(config.redis.url).toBe('redis://other');
  });

  it('counts positions and merges what "<<" names', () => {
    const config = load(readFileSync(path.join(CASES, 'merge-keys.case'), 'utf8').split(LINE)[0] ?? '');
    expect(config.providers.entries['first']).toMatchObject({ priority: 1, max_concurrency: 200 });
    expect(config.providers.entries['second']).toMatchObject({
      type: 'simulator',
      priority: 2,
      max_concurrency: 7,
      timeouts: { connect: 1_000 },
    });
  });

  it('keeps what a variable holds out of the structure of the file', () => {
    const config = load('server: { host: "${HOSTNAME}", port: "${PORT_NUMBER}" }', {
      HOSTNAME: 'a # b }\nport: 1',
      PORT_NUMBER: '81',
    });
    expect(config.server).toMatchObject({ host: 'a # b }\nport: 1', port: 81 });
  });

  it('keeps every digit of an amount', () => {
    const yaml = 'budgets: { a: { scope: organization, limit_usd: 123456789.123456789, period: total } }';
    expect(load(yaml).budgets.entries['a']?.limit_usd).toBe('123456789.123456789');
  });

  it('is frozen to the bottom, and its maps find nothing in a prototype', () => {
    const config = load(TUTORIAL, KEYS);
    expect(() => Object.assign(config.cache, { enabled: false })).toThrow(TypeError);
    expect(() => config.providers.entries['openai']?.models.push('x')).toThrow(TypeError);
    expect(config.providers.entries['constructor']).toBeUndefined();
    expect(config.models.entries['__proto__']).toBeUndefined();
  });

  it('refuses an empty file, which is what a file looks like while it is written', () => {
    expect(problemsOf(' \n')).toEqual([
      'gateway.yaml:1:1 the file is empty; write the configuration, or a comment to run with the defaults',
    ]);
  });

  it.each([
    ['deep', '['.repeat(100_000)],
    ['large', `# ${'x'.repeat(262_144)}`],
    ['many keys', `server: { ${Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join(', ')} }`],
    [
      'doubling',
      `a: &a [x]\n${'bcdefghijklm'.split('').reduce((text, name, index) => `${text}${name}: &${name} [*${'abcdefghijklm'[index]}, *${'abcdefghijklm'[index]}]\n`, '')}`,
    ],
  ])('refuses a file that is %s', (_what, text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(/^gateway\.yaml:\d+:\d+ /);
  });
});
