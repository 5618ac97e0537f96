import fc from 'fast-check';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly example?: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One call that the document describes, or nearly. */
export interface FuzzCall {
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly body: unknown;
}

/** What no field expects. */
const ODD: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    0,
    -1,
    1e308,
    0.1,
    [],
    {},
    [[]],
    ' ',
    '\u0000',
    '\uD800',
    "'; drop table users; --",
  ),
  fc.constantFrom<unknown>(
    '%',
    '../../etc/passwd',
    '{{7*7}}',
    '=1+1',
    '9'.repeat(400),
    '2026-13-45T99:99:99Z',
    '-0',
    'NaN',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant('x'.repeat(100_000)),
  fc.integer(),
  fc.double(),
);

/** Calls of the operations of a document: right ones, ones with one thing wrong, and nonsense. */
export class OpenApiFuzz {
  readonly operations: readonly { readonly method: string; readonly route: string; readonly operation: Operation }[];

  constructor(
    private readonly document: OpenApi,
    isWanted: (method: string, route: string) => boolean,
    /** Ids that exist, by the beginning of the route. */
    private readonly ids: Readonly<Record<string, string>>,
  ) {
    this.operations = Object.entries(document.paths).flatMap(([route, methods]) =>
      Object.entries(methods)
        .filter(([method]) => isWanted(method, route))
        .map(([method, operation]) => ({ method: method.toUpperCase(), route, operation })),
    );
  }

  calls(): fc.Arbitrary<FuzzCall> {
    return fc.constantFrom(...this.operations).chain(({ method, route, operation }) =>
      fc.record({
        method: fc.constant(method),
        route: fc.constant(route),
        path: this.pathOf(route, operation),
        body: this.bodyOf(operation),
      }),
    );
  }

  /** What is wrong with an answer, by its document; null: nothing. */
  complaint({ method, route }: FuzzCall, status: number, body: unknown): string | null {
    const responses = this.document.paths[route]?.[method.toLowerCase()]?.responses ?? {};
    const response = responses[String(status)];
    // Of any server: too many calls, an address or headers that are too long, a body that is none.
    if (!response) return [413, 414, 429, 431].includes(status) ? null : `${status} is not documented`;
    const schema = Object.entries(response.content ?? {}).find(([type]) => type.includes('json'))?.[1].schema;
    return schema ? this.mismatch(schema, body, route.split('/').at(-1) ?? '') : null;
  }

  private pathOf(route: string, { parameters = [] }: Operation): fc.Arbitrary<string> {
    const known = Object.entries(this.ids).find(([start]) => route.startsWith(start))?.[1] ?? 'none';
    const segments = parameters.filter(({ in: place }) => place === 'path').map(({ name }) => name);
    const value = fc.oneof(
      { weight: 4, arbitrary: fc.constant(known) },
      {
        weight: 1,
        arbitrary: ODD.map((odd) => (typeof odd === 'string' && odd.length > 0 && odd.length < 500 ? odd : 'x')),
      },
    );
    const query = parameters.filter(({ in: place }) => place === 'query');
    const asked = fc
      .subarray(query.map((parameter) => parameter))
      .chain((chosen) =>
        fc.tuple(
          ...chosen.map(({ name, schema }) =>
            fc
              .oneof({ weight: 3, arbitrary: this.valid(schema ?? {}, 0) }, { weight: 1, arbitrary: ODD })
              .map((wanted) => [name, textOf(wanted)] as const),
          ),
        ),
      );
    return fc.tuple(fc.tuple(...segments.map(() => value)), asked).map(([values, pairs]) => {
      const filled = segments.reduce(
        (path, name, index) => path.replace(`{${name}}`, encoded(values[index] ?? '')),
        route,
      );
      const search = pairs.map(([name, text]) => `${encoded(name)}=${encoded(text)}`).join('&');
      return search === '' ? filled : `${filled}?${search}`;
    });
  }

  private bodyOf({ requestBody }: Operation): fc.Arbitrary<unknown> {
    const schema = requestBody?.content['application/json']?.schema;
    if (!schema) return fc.constant(undefined);
    const right = this.valid(schema, 0);
    const bent = fc.tuple(right, ODD, fc.nat()).map(([value, odd, place]) => {
      if (typeof value !== 'object' || value === null) return odd;
      const names = [...Object.keys(value), 'colour'];
      return { ...value, [names[place % names.length] ?? 'colour']: odd };
    });
    return fc.oneof({ weight: 3, arbitrary: right }, { weight: 4, arbitrary: bent }, { weight: 1, arbitrary: ODD });
  }

  private valid(schema: Schema, depth: number): fc.Arbitrary<unknown> {
    const resolved = this.resolve(schema);
    if (resolved.enum) return fc.constantFrom(...resolved.enum);
    const [choice] = resolved.oneOf ?? resolved.anyOf ?? resolved.allOf ?? [];
    if (choice) return this.valid(choice, depth + 1);
    if (resolved.example !== undefined && resolved.type !== 'object') return fc.constant(resolved.example);
    switch (resolved.type ?? 'any') {
      case 'boolean':
        return fc.boolean();
      case 'integer':
      case 'number':
        return fc.integer({ min: resolved.minimum ?? 1, max: Math.min(resolved.maximum ?? 1_000, 1_000_000) });
      case 'array':
        return depth > 4 ? fc.constant([]) : fc.array(this.valid(resolved.items ?? {}, depth + 1), { maxLength: 3 });
      case 'object':
        return depth > 4 ? fc.constant({}) : this.validObject(resolved, depth);
      default:
        return fc.oneof(
          fc.string({ minLength: 1, maxLength: 30 }),
          fc.constantFrom('2026-11-01T00:00:00Z', '10', 'gpt-4o'),
        );
    }
  }

  private validObject({ properties = {}, required = [] }: Schema, depth: number): fc.Arbitrary<unknown> {
    const members = Object.entries(properties).map(([name, each]) => [name, this.valid(each, depth + 1)] as const);
    return fc.record(Object.fromEntries(members), {
      requiredKeys: Object.keys(properties).filter((name) => required.includes(name)),
    });
  }

  private mismatch(schema: Schema, value: unknown, at: string): string | null {
    const resolved = this.resolve(schema);
    if (value === null) return resolved.nullable === true || resolved.type === undefined ? null : `${at} is null`;
    const choices = resolved.oneOf ?? resolved.anyOf;
    if (choices) {
      return choices.some((choice) => this.mismatch(choice, value, at) === null) ? null : `${at} is none of its kinds`;
    }
    for (const part of resolved.allOf ?? []) {
      const wrong = this.mismatch(part, value, at);
      if (wrong !== null) return wrong;
    }
    if (resolved.enum && !resolved.enum.includes(value)) return `${at} is not one of its words`;
    if (!isOfType(resolved.type, value)) return `${at} is no ${String(resolved.type)}`;
    if (Array.isArray(value))
      return this.firstMismatch(value.map((each, index) => [resolved.items ?? {}, each, `${at}[${index}]`]));
    if (typeof value !== 'object') return null;
    const members = value as Record<string, unknown>;
    const missing = (resolved.required ?? []).find((name) => !(name in members));
    if (missing !== undefined) return `${at}.${missing} is missing`;
    const known = resolved.properties ?? {};
    const unknown = Object.keys(members).find((name) => !(name in known));
    if (unknown !== undefined && Object.keys(known).length > 0 && !OPEN_GROUPS.test(at))
      return `${at}.${unknown} is not documented`;
    return this.firstMismatch(
      Object.entries(known)
        .filter(([name]) => name in members)
        .map(([name, each]) => [each, members[name], `${at}.${name}`]),
    );
  }

  private firstMismatch(parts: readonly (readonly [Schema, unknown, string])[]): string | null {
    for (const [schema, value, at] of parts) {
      const wrong = this.mismatch(schema, value, at);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  private resolve(schema: Schema): Schema {
    const name = schema.$ref?.split('/').at(-1);
    return name === undefined ? schema : (this.document.components.schemas[name] ?? {});
  }
}

function isOfType(type: string | undefined, value: unknown): boolean {
  if (type === undefined) return true;
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && !Array.isArray(value);
  return typeof value === type;
}

/** Rows of a usage report have a member for each dimension that was asked for. */
const OPEN_GROUPS = /^usage\.data\[\d+\]$/;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** Lone halves of characters have no form in an address: they become the sign for what is none. */
const encoded = (text: string): string => encodeURIComponent(Buffer.from(text).toString('utf8')).slice(0, 4_000);
