import fc from 'fast-check';
import type { Dialect, JsonObject } from '../core/chat';
import type { Identity } from '../core/context';
import { chatRequestOf } from '../core/testing/chat-request';
import { CACHE_SCOPES } from './cache.config';
import { fingerprint, scopeOf } from './fingerprint';

const SECRET = Buffer.alloc(32, 7);
const RUNS = 2_000;

const requestOf = (body: JsonObject, dialect: Dialect = 'openai', forwardedHeaders: Record<string, string> = {}) =>
  chatRequestOf(body, { dialect, forwardedHeaders });
const printOf = (body: JsonObject, scope = 'team:a', ...more: [Dialect?, Record<string, string>?]) =>
  fingerprint(SECRET, scope, requestOf(body, ...more));

const identityOf = (ids: readonly number[]): Identity => ({
  keyId: `key_${ids[0]}`,
  keyName: 'k',
  userId: ids[1] === 0 ? null : `user_${ids[1]}`,
  userEmail: null,
  teamId: `team_${ids[2]}`,
  teamName: 't',
  departmentId: `dep_${ids[3]}`,
  departmentName: 'd',
  allowedModels: null,
  limits: { key: null, user: null, team: null, department: null },
  scopes: [],
  storesContent: false,
});

const LEFT_OUT = ['stream', 'stream_options', 'user', 'metadata', 'service_tier', 'store'];
/** Refused in every body before the cache is asked. */
const DANGEROUS = ['__proto__', 'constructor', 'prototype'];
const key = fc.stringMatching(/^[a-z_]{1,12}$/).filter((name) => ![...LEFT_OUT, ...DANGEROUS].includes(name));
const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !DANGEROUS.some((name) => JSON.stringify(value).includes(`"${name}":`)));
const message = fc.record({ role: fc.constantFrom('system', 'user', 'assistant', 'developer'), content: fc.string() });
const body = fc
  .record({
    model: fc.string({ minLength: 1 }),
    messages: fc.array(message, { minLength: 1, maxLength: 4 }),
    extra: fc.dictionary(key, json, { maxKeys: 4 }),
  })
  .map(({ extra, ...rest }): JsonObject => ({ ...extra, ...rest }));

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, shuffled(inner)]),
  );
};

describe('fingerprint', () => {
  it('the order of members, and what does not change an answer, make no difference', () => {
    fc.assert(
      fc.property(body, json, (asked, any) => {
        const other = {
          ...(shuffled(asked) as JsonObject),
          stream: true,
          stream_options: any,
          user: 'u',
          metadata: any,
          service_tier: 'flex',
          store: true,
        };
        expect(printOf(other)).toEqual(printOf(asked));
      }),
      { numRuns: 500 },
    );
  });

  it('SEC-1: any other scope, model, message, parameter, header or dialect is another partition', () => {
    let compared = 0;
    fc.assert(
      fc.property(body, body, fc.nat(5), fc.string(), (asked, other, place, text) => {
        const own = printOf(asked);
        const changes: JsonObject[] = [
          { ...asked, model: `${String(asked['model'])}x` },
          { ...asked, [`f${place}`]: text },
          { ...asked, temperature: place / 10 },
          { ...asked, tools: [{ type: 'function', function: { name: `t${place}` } }] },
          { ...asked, messages: [{ role: 'system', content: text }, ...(asked['messages'] as object[])] },
        ];
        for (const change of changes) {
          compared += 1;
          if (JSON.stringify(change) === JSON.stringify(asked)) continue;
          expect(printOf(change).partition).not.toBe(own.partition);
          expect(printOf(change).id).not.toBe(own.id);
        }
        expect(printOf(asked, 'team:b').id).not.toBe(own.id);
        expect(printOf(asked, 'team:a', 'anthropic').id).not.toBe(own.id);
        expect(printOf(asked, 'team:a', 'openai', { 'anthropic-beta': 'x' }).id).not.toBe(own.id);
        if (JSON.stringify(shuffled(asked)) !== JSON.stringify(shuffled(other)))
          expect(printOf(other).exact).not.toBe(own.exact);
      }),
      { numRuns: RUNS },
    );
    console.info(`SEC-1: ${compared} changed requests, none in the partition of the original`);
  });

  it('SEC-1: two callers share a scope exactly when the ids that count agree', () => {
    let [pairs, shared] = [0, 0];
    const ids = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2));
    fc.assert(
      fc.property(ids, ids, fc.constantFrom(...CACHE_SCOPES), (first, second, scope) => {
        const [left, right] = [identityOf(first), identityOf(second)];
        const agree = {
          key: left.keyId === right.keyId,
          user:
            left.userId === null || right.userId === null
              ? left.userId === right.userId && left.keyId === right.keyId
              : left.userId === right.userId,
          team: left.teamId === right.teamId,
          department: left.departmentId === right.departmentId,
          organization: true,
        }[scope];
        const asked = { model: 'm', messages: [{ role: 'user', content: 'the same question' }] };
        const isSame = printOf(asked, scopeOf(left, scope)).id === printOf(asked, scopeOf(right, scope)).id;
        pairs += 1;
        if (isSame) shared += 1;
        expect(isSame).toBe(agree);
      }),
      { numRuns: 20_000 },
    );
    console.info(`SEC-1: ${pairs} pairs of callers, ${shared} share an answer, 0 across a scope`);
    expect(shared).toBeGreaterThan(1_000);
  });

  it('the last user text stands apart, however it is written', () => {
    const system = { role: 'system', content: 'Be brief.' };
    const text = printOf({ model: 'm', messages: [system, { role: 'user', content: 'Hello there, what is TCP?' }] });
    const part = printOf({
      model: 'm',
      messages: [system, { role: 'user', content: [{ type: 'text', text: 'what is tcp' }] }],
    });
    expect(part.partition).toBe(text.partition);
    expect(part.id).toBe(text.id);
    expect(part.exact).not.toBe(text.exact);
    expect(text).toMatchObject({ text: 'Hello there, what is TCP?', isSingleTurn: true });
    const cached = printOf({
      model: 'm',
      messages: [system, { role: 'user', content: [{ type: 'text', text: 'what is tcp', cache_control: {} }] }],
    });
    expect(cached.text).toBeNull();
    const turn = { role: 'assistant', content: 'yes' };
    expect(
      printOf({ model: 'm', messages: [{ role: 'user', content: 'a' }, turn, { role: 'user', content: 'b' }] })
        .isSingleTurn,
    ).toBe(false);
    expect(printOf({ model: 'm', messages: [{ role: 'user', content: 'a' }, turn] }).text).toBeNull();
  });

  it('without the secret nobody can make a key', () => {
    const asked = { model: 'm', messages: [{ role: 'user', content: 'q' }] };
    const other = fingerprint(Buffer.alloc(32, 8), 'team:a', requestOf(asked));
    expect(other.id).not.toBe(printOf(asked).id);
  });
});
