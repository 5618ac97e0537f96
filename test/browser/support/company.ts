import { scryptSync } from 'node:crypto';
import { DataSource } from 'typeorm';
import { User, type UserRole } from '../../../src/access';
import { startSimulator, type Simulator } from '../../../src/providers/simulator/server/simulator';
import { startGateway, type TestGateway } from '../../support/gateway';

export const PASSWORD = 'correct horse battery staple';

/** The cost stands in the hash, so that dozens of sign-ins need not take a second of one core each. */
const CHEAP_SALT = Buffer.from('a salt for tests');
const CHEAP_KEY = scryptSync(PASSWORD, CHEAP_SALT, 32, { N: 2 ** 10, r: 8, p: 1 });
const CHEAP_HASH = `scrypt$10$8$1$${CHEAP_SALT.toString('base64url')}$${CHEAP_KEY.toString('base64url')}`;

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly role: UserRole;
}

/** A small company with people of every role, two teams, keys and traffic of several kinds. */
export interface Company {
  readonly gateway: TestGateway;
  readonly people: Readonly<Record<UserRole, Person>>;
  readonly teams: { readonly search: string; readonly support: string };
  /** Ids of requests: one of the member's, one of the other team's, one that fell back. */
  readonly requests: { readonly own: string; readonly foreign: string; readonly fallback: string };
  readonly keys: { readonly own: string; readonly foreign: string };
  readonly department: string;
  readonly webhook: string;
  readonly budgets: { readonly own: string; readonly foreign: string };
  /** The id of the request; whether it succeeds is its own affair. */
  call(wanted: Call): Promise<string>;
  close(): Promise<void>;
}

const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';

const configurationOf = (simulator: Simulator): string => `
providers:
  openai:
    base_url: ${simulator.url}/openai/v1
    api_key: test-key-of-openai
    allow_private_network: true
    models: [gpt-4o, ${GPT}]
    priority: 1
  anthropic:
    base_url: ${simulator.url}/anthropic
    api_key: test-key-of-anthropic
    allow_private_network: true
    models: [${CLAUDE}, claude-3-5-haiku-20241022]
    priority: 2
  retired:
    type: openai
    # Nobody listens there.
    base_url: http://127.0.0.1:9/v1
    api_key: test-key-of-retired
    allow_private_network: true
    models: [gpt-4o-2024-11-20]
    priority: 3
models:
  smart:
    targets:
      - { provider: openai, model: gpt-4o }
    fallbacks: [${CLAUDE}]
  resilient:
    targets:
      - { provider: retired, model: gpt-4o-2024-11-20 }
    fallbacks: [${CLAUDE}]
routing: { retries: 0 }
cache: { enabled: true }
rate_limits: { models: { gpt-4o: { requests_per_minute: 900, tokens_per_minute: 400000 } } }
`;

/** The same requests in the hours before, fewer of them at night. The id may repeat: the key of a row is id and time. */
const HISTORY = `
  insert into usage_requests
  select (jsonb_populate_record(r, jsonb_build_object('started_at', r.started_at - make_interval(hours => n, mins => 7)))).*
  from usage_requests r, generate_series(1, 46) n
  where abs(hashtext(r.id || n)) % 100 < 45 + 35 * sin(n / 3.8) and (r.status < 400 or n % 7 = 0)`;

interface Call {
  readonly key: string;
  readonly model: string;
  readonly text: string;
  readonly stream?: boolean;
}

/** `keepsPrompts`: the team Search does. `hasHistory` repeats today's requests over the last two days. `evil` is put before every name a person can choose, to see what a page makes of a hostile one. */
export async function startCompany(
  names: { readonly evil?: string; readonly hasHistory?: boolean; readonly keepsPrompts?: boolean } = {},
): Promise<Company> {
  const simulator = await startSimulator({ port: 0, speed: 0.05 });
  const gateway = await startGateway(configurationOf(simulator));
  const named = (name: string): string => (names.evil === undefined ? name : `${names.evil} ${name}`);
  const create = async (route: string, body: object): Promise<Record<string, string>> => {
    const { status, body: made } = await gateway.admin('POST', route, body);
    if (status !== 201) throw new Error(`${route}: ${status} ${JSON.stringify(made)}`);
    return made as Record<string, string>;
  };
  const department = await create('/departments', { name: named('Product') });
  const team = async (name: string, more: object = {}): Promise<string> =>
    (await create('/teams', { name: named(name), department_id: department['id'], ...more }))['id'] ?? '';
  const teams = {
    search: await team('Search', { store_content: names.keepsPrompts === true }),
    support: await team('Support', { limits: { requests_per_minute: 600 } }),
  };
  const users = gateway.app.get(DataSource).getRepository(User);
  const person = async (role: UserRole, name: string, teamIds: string[]): Promise<Person> => {
    const email = `${role.replace('_', '.')}@example.com`;
    const { id = '' } = await create('/users', { email, name: named(name), role, team_ids: teamIds });
    await users.update({ id }, { passwordHash: CHEAP_HASH });
    return { id, email, role };
  };
  const people = {
    admin: await person('admin', 'Ada Lovelace', []),
    auditor: await person('auditor', 'Grace Hopper', []),
    team_lead: await person('team_lead', 'Alan Turing', [teams.search]),
    member: await person('member', 'Edsger Dijkstra', [teams.search]),
  };
  const own = await create('/keys', { name: named('notebook'), team_id: teams.search, user_id: people.member.id });
  const foreign = await create('/keys', { name: named('ticket bot'), team_id: teams.support });
  const budget = async (limit: string, more: object): Promise<string> =>
    (await create('/budgets', { name: named('research'), limit_usd: limit, period: 'month', ...more }))['id'] ?? '';
  const budgets = {
    own: await budget('0.05', { scope: 'user', scope_id: people.member.id }),
    foreign: await budget('20', { scope: 'team', scope_id: teams.support }),
  };
  const hook = { name: named('pager'), url: 'https://example.com/hooks/gateway', enabled: false };
  const webhook = (await create('/webhooks', hook))['id'] ?? '';
  await budget('250', { scope: 'organization', hard: false });
  await budget('1.5', { scope: 'department', scope_id: department['id'], period: 'day' });
  const call = (wanted: Call): Promise<string> => chat(gateway, wanted);
  const ownKey = own['secret'] ?? '';
  const foreignKey = foreign['secret'] ?? '';
  const requests = {
    own: await call({ key: ownKey, model: GPT, text: 'How tall is a giraffe?', stream: true }),
    foreign: await call({ key: foreignKey, model: CLAUDE, text: 'Where is my parcel?' }),
    fallback: await call({ key: foreignKey, model: 'resilient', text: 'Where is my parcel?' }),
  };
  await traffic(call, ownKey, foreignKey);
  await gateway.recordOf(await call({ key: ownKey, model: 'gpt-4o', text: 'And the last one.' }));
  if (names.hasHistory === true) await gateway.app.get(DataSource).query(HISTORY);
  return {
    gateway,
    people,
    department: department['id'] ?? '',
    teams,
    requests,
    keys: { own: own['id'] ?? '', foreign: foreign['id'] ?? '' },
    budgets,
    webhook,
    call,
    close: async () => {
      await gateway.close();
      await simulator.close();
    },
  };
}

async function traffic(call: (wanted: Call) => Promise<string>, own: string, foreign: string): Promise<void> {
  for (let index = 0; index < 8; index += 1) {
    const text = `Question ${index}: ${'tell me more about it. '.repeat(index * 3)}`;
    await call({ key: own, model: index % 2 === 0 ? GPT : 'gpt-4o', text, stream: index % 3 === 0 });
    await call({ key: foreign, model: index % 2 === 0 ? CLAUDE : 'smart', text });
  }
  await call({ key: own, model: 'no-such-model', text: 'Nobody answers this.' });
  await call({ key: foreign, model: `openai/${GPT}`, text: '[[fault:500]] This one fails.' });
}

/** The id of the request; whether it succeeds is its own affair. */
async function chat(gateway: TestGateway, { key, model, text, stream = false }: Call): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: text }], max_tokens: 200 }),
  });
  await response.text();
  return response.headers.get('x-request-id') ?? '';
}
