import * as fc from 'fast-check';
import { Logger, type LoggerService } from '@nestjs/common';
import { AppConfig } from './app.config';
import { Environment } from './platform/config/environment';
import { FileLiveConfig } from './platform/config/file-live-config';
import { ProvidersConfig } from './providers/providers.config';

const SECRET = 'sk-real-5ecret-value-0123456789';
const variables = { OPENAI_API_KEY: SECRET };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A configuration that uses every section, as JSON, which is YAML. */
const GOOD: { [key: string]: Json } = {
  server: { port: 8080, max_body_bytes: 2048, trusted_proxies: ['10.0.0.0/8'], lame_duck: '5s' },
  providers: {
    openai: {
      api_key: '${OPENAI_API_KEY}',
      models: ['gpt-4o', 'gpt-4o-mini'],
      timeouts: { connect: '3s', total: '10m' },
      max_concurrency: 10,
    },
    backup: { type: 'simulator', models: ['gpt-4o'], priority: 2, quota_domain: 'shared' },
  },
  models: {
    smart: {
      strategy: 'weighted',
      targets: [{ provider: 'openai', model: 'gpt-4o', weight: 3 }],
      fallbacks: ['cheap'],
    },
    cheap: { targets: [{ provider: 'openai', model: 'gpt-4o-mini' }] },
  },
  routing: { fallback: 'explicit', retries: 1, breaker: { failures: 3, open: '10s' } },
  rate_limits: { default: { requests_per_minute: 60 }, models: { 'gpt-4o': { tokens_per_minute: 1000 } } },
  cache: { enabled: true, similarity_threshold: 0.9, embeddings: { provider: 'local' } },
  pricing: { unknown: 'estimate', overrides: { 'gpt-4o': { input: 2.5, output: '10' } } },
  budgets: { everyone: { scope: 'organization', limit_usd: 100, period: 'month', alerts: [0.5] } },
};

type Place = readonly (string | number)[];

function placesOf(value: Json, place: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [place];
  const children = Object.entries(value).flatMap(([key, child]) =>
    placesOf(child, [...place, Array.isArray(value) ? Number(key) : key]),
  );
  return place.length === 0 ? children : [place, ...children];
}

const PLACES = placesOf(GOOD);

/** A copy in which the value at a place is replaced by what `change` does to its parent. */
function changed(place: Place, change: (parent: Record<string, Json>, key: string) => void): Json {
  const copy = structuredClone(GOOD);
  const parent = place.slice(0, -1).reduce<Json>((value, step) => (value as Record<string, Json>)[step] ?? null, copy);
  change(parent as Record<string, Json>, String(place.at(-1)));
  return copy;
}

const anyJson = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
const anyPlace = fc.constantFrom(...PLACES);

const silent: LoggerService = { log: () => undefined, error: () => undefined, warn: () => undefined };

/** A live configuration whose text a test changes. */
function start() {
  const origin = { name: 'gateway.yaml', text: JSON.stringify(GOOD) };
  const environment = Environment.read({});
  return { origin, config: new FileLiveConfig({ root: AppConfig, environment, variables }, origin) };
}

describe('a changed configuration', () => {
  beforeAll(() => Logger.overrideLogger(silent));
  afterAll(() => Logger.overrideLogger(['error', 'warn', 'log']));

  /** Reloads a text and checks what holds whatever it is: taken over whole, or refused with reasons and without traces. */
  async function reload(text: string): Promise<readonly string[]> {
    const { origin, config } = start();
    const before = { version: config.version, providers: config.section(ProvidersConfig) };
    origin.text = text;
    const result = await config.reload();
    expect(result.reloaded).toBe(result.problems.length === 0);
    expect(result.problems.join('\n')).not.toContain(SECRET);
    expect(result.problems.join('\n')).not.toContain('could not be checked');
    for (const problem of result.problems) expect(problem).toMatch(/^gateway\.yaml:\d+:\d+ \S[^\n]*$/);
    if (!result.reloaded) {
      expect(config.version).toBe(before.version);
      expect(config.section(ProvidersConfig)).toBe(before.providers);
    }
    expect(JSON.stringify(config.effective())).not.toContain(SECRET);
    return result.problems;
  }

  it('with any value at any place is taken over or refused, and the refusal names a setting', async () => {
    const settings = /^gateway\.yaml:\d+:\d+ (server|providers|models|routing|rate_limits|cache|pricing|budgets)\b/;
    await fc.assert(
      fc.asyncProperty(anyPlace, anyJson, async (place, value) => {
        const problems = await reload(JSON.stringify(changed(place, (parent, key) => (parent[key] = value))));
        for (const problem of problems) expect(problem).toMatch(settings);
      }),
      { numRuns: 400 },
    );
  });

  it('with a value of a wrong kind is refused, and the refusal names the place', async () => {
    const scalars = PLACES.filter((place) => !['limit_usd', 'input', 'output'].includes(String(place.at(-1)))).filter(
      (place) =>
        typeof place.reduce<Json>((value, step) => (value as Record<string, Json>)[step] ?? null, GOOD) !== 'object',
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...scalars), async (place) => {
        const problems = await reload(JSON.stringify(changed(place, (parent, key) => (parent[key] = { wrong: true }))));
        expect(
          problems.some((problem) => problem.includes(String(place.findLast((step) => typeof step === 'string')))),
        ).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('with an unknown key in any section is refused, and the refusal names the key', async () => {
    const sections = ['server', 'routing', 'cache', 'pricing', 'rate_limits'];
    const nested: Place[] = [
      ['providers', 'openai'],
      ['providers', 'openai', 'timeouts'],
      ['models', 'smart'],
      ['models', 'smart', 'targets', 0],
      ['routing', 'breaker'],
      ['budgets', 'everyone'],
    ];
    const places: Place[] = [...sections.map((name) => [name]), ...nested];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.stringMatching(/^zz[a-z]{1,10}$/), async (place, key) => {
        const text = JSON.stringify(changed([...place, key], (parent, name) => (parent[name] = 1)));
        const problems = await reload(text);
        expect(problems.filter((problem) => problem.includes(`${key}: is not a known setting`))).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });

  it('with any characters lost, doubled or put in is taken over or refused', async () => {
    const text = JSON.stringify(GOOD, null, 1);
    const edit = fc.record({
      at: fc.nat(text.length),
      drop: fc.nat(40),
      put: fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 8 }),
        fc.constantFrom('${', '&a', '*a', '\t', '\n---\n', '<<: ', '!!js'),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const mangled = edits.reduce(
          (result, { at, drop, put }) => result.slice(0, at) + put + result.slice(at + drop),
          text,
        );
        await reload(mangled);
      }),
      { numRuns: 400 },
    );
  });
});
