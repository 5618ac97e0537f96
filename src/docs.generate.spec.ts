import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ERROR_ROWS } from './docs.errors';
import { generateDocs, staleDocs } from './docs.generate';
import { environmentVariables } from './platform/config/environment';

const ROOT = path.resolve(__dirname, '..');

describe('generated documents', () => {
  it('are what `npm run docs:generate` makes', () => {
    expect(staleDocs(ROOT)).toEqual([]);
  });

  it('name every variable of the environment', () => {
    const page = generateDocs(ROOT).get('docs/configuration.md') ?? '';
    for (const name of environmentVariables().values()) expect(page).toContain(`| \`${name}\` |`);
  });

  it('have a schema that describes each setting and refuses unknown ones', () => {
    const schema = JSON.parse(generateDocs(ROOT).get('config/gateway.schema.json') ?? '') as {
      additionalProperties: boolean;
      $defs: Record<string, { description: string; properties?: Record<string, { description?: string }> }>;
    };
    expect(schema.additionalProperties).toBe(false);
    const provider = schema.$defs['ProviderConfig'];
    expect(provider).toMatchObject({
      required: ['models'],
      properties: {
        max_concurrency: { default: 200, anyOf: [{ type: 'integer', minimum: 1, maximum: 100_000 }, {}] },
        api_key: { writeOnly: true, type: 'string' },
        timeouts: { $ref: '#/$defs/TimeoutsConfig' },
      },
    });
    for (const definition of Object.values(schema.$defs)) {
      expect(definition.description).toBeTruthy();
      for (const property of Object.values(definition.properties ?? {})) expect(property.description).toBeTruthy();
    }
  });

  it('list every error code that a class of core/errors.ts carries', () => {
    const source = readFileSync(path.join(ROOT, 'src/core/errors.ts'), 'utf8');
    const codes = [...source.matchAll(/super\(\s*\d{3},\s*'(\w+)'/g)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(4);
    expect(ERROR_ROWS.map((row) => row.code)).toEqual(expect.arrayContaining(codes));
  });

  it('list every error code that is thrown anywhere', () => {
    const files = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.includes('simulator'),
    );
    const text = files.map((file) => readFileSync(path.join(ROOT, 'src', file), 'utf8')).join('\n');
    const codes = [...text.matchAll(/new GatewayError\(\s*\d{3},\s*'(\w+)'/g)].map(([, code]) => code);
    expect(ERROR_ROWS.map((row) => row.code)).toEqual(expect.arrayContaining(codes));
  });
});
