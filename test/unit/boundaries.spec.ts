import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.join(__dirname, '..', '..');

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** One forbidden import for each rule: the file that holds it, and what it says. */
const PLANTED: Record<string, { readonly file: string; readonly code: string }> = {
  'no-circular': { file: 'src/core/ring-one.ts', code: `import './ring-two';\nexport const one = 1;` },
  'core-is-pure': { file: 'src/core/impure.ts', code: `export { target } from '../platform/target';` },
  'core-uses-no-package': { file: 'src/core/packaged.ts', code: `export { of } from 'rxjs';` },
  'platform-knows-no-feature': { file: 'src/platform/nosy.ts', code: `export { target } from '../billing';` },
  'access-imports-no-other-feature': { file: 'src/access/nosy.ts', code: `export { target } from '../billing';` },
  'rate-limit-imports-no-other-feature': {
    file: 'src/rate-limit/nosy.ts',
    code: `export { target } from '../billing';`,
  },
  'billing-imports-no-other-feature': { file: 'src/billing/nosy.ts', code: `export { target } from '../access';` },
  'semantic-cache-imports-no-other-feature': {
    file: 'src/semantic-cache/nosy.ts',
    code: `export { target } from '../providers/target';`,
  },
  'providers-imports-no-other-feature': { file: 'src/providers/nosy.ts', code: `export { target } from '../access';` },
  'alerts-imports-no-other-feature': { file: 'src/alerts/nosy.ts', code: `export { target } from '../billing';` },
  'transcripts-imports-no-other-feature': {
    file: 'src/transcripts/nosy.ts',
    code: `export { target } from '../billing';`,
  },
  'enter-by-index': { file: 'src/gateway/backdoor.ts', code: `export { target } from '../billing/target';` },
  'gateway-and-admin-are-strangers': { file: 'src/gateway/nosy.ts', code: `export { target } from '../admin/target';` },
  'admin-and-gateway-are-strangers': { file: 'src/admin/nosy.ts', code: `export { target } from '../gateway/target';` },
  'sdk-stays-in-its-provider': { file: 'src/billing/sdk.ts', code: `export { OpenAI } from 'openai';` },
  'redis-stays-in-the-cellar': { file: 'src/billing/cache.ts', code: `export { Redis } from 'ioredis';` },
  'express-at-the-edge': { file: 'src/billing/edge.ts', code: `export type { Request } from 'express';` },
  'no-test-code-in-product': { file: 'src/billing/tested.ts', code: `export { target } from './target.contract';` },
  'not-to-dev-dependency': { file: 'src/billing/dev.ts', code: `export { assert } from 'fast-check';` },
};

const FOLDERS = [
  'access',
  'rate-limit',
  'billing',
  'semantic-cache',
  'providers',
  'alerts',
  'transcripts',
  'gateway',
  'admin',
  'platform',
];

/** Imports that the rules allow, so that a rule that forbids everything is found out too. */
const ALLOWED: Record<string, string> = {
  'src/semantic-cache/embeddings.ts': `export { target } from '../providers';`,
  'src/gateway/front-door.ts': `export { target } from '../billing';`,
  'src/admin/front-door.ts': `export { target } from '../billing';`,
  'src/billing/vocabulary.ts': `export { word } from '../core/word';\nexport { target } from '../platform/target';`,
  'src/providers/openai/client.ts': `export { OpenAI } from 'openai';`,
  'src/platform/redis/connection.ts': `export { Redis } from 'ioredis';`,
  'src/rate-limit/store/redis.store.ts': `export { Redis } from 'ioredis';`,
  'src/gateway/edge.ts': `export type { Request } from 'express';`,
  'src/billing/target.spec.ts': `export { assert } from 'fast-check';\nexport { target } from './target.contract';`,
  'src/core/word.ts': `export { randomUUID as word } from 'node:crypto';`,
};

async function violationsIn(tree: string): Promise<Violation[]> {
  const cruise = path.join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const command = [cruise, 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: tree, maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
}

describe('module boundaries', () => {
  const tree = mkdtempSync(path.join(tmpdir(), 'gateway-boundaries-'));
  let violations: Violation[];

  beforeAll(async () => {
    const write = (file: string, code: string): void => {
      mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      writeFileSync(path.join(tree, file), `${code}\n`);
    };
    for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
      cpSync(path.join(root, file), path.join(tree, file));
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
    for (const folder of FOLDERS) {
      write(`src/${folder}/target.ts`, 'export const target = 1;');
      write(`src/${folder}/index.ts`, `export { target } from './target';`);
    }
    write('src/billing/target.contract.ts', 'export const target = 1;');
    write('src/core/ring-two.ts', `import './ring-one';\nexport const two = 2;`);
    for (const [file, code] of Object.entries(ALLOWED)) write(file, code);
    for (const { file, code } of Object.values(PLANTED)) write(file, code);
    violations = await violationsIn(tree);
  }, 60_000);

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it('has a planted violation for every rule', () => {
    const config = createRequire(__filename)(path.join(root, '.dependency-cruiser.cjs')) as {
      forbidden: { name: string }[];
    };
    expect(Object.keys(PLANTED).toSorted()).toEqual(config.forbidden.map(({ name }) => name).toSorted());
  });

  it.each(Object.entries(PLANTED))('%s catches it', (rule, { file }) => {
    expect(violations.filter(({ from }) => from === file).map(({ rule: { name } }) => name)).toContain(rule);
  });

  it.each(Object.keys(ALLOWED))('%s is allowed', (file) => {
    expect(violations.filter(({ from }) => from === file)).toEqual([]);
  });
});
