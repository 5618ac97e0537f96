import { DataSource } from 'typeorm';
import { TranscriptRetention } from '../../src/transcripts/transcript-retention';
import { ConsoleClient } from '../browser/support/console-client';
import { PASSWORD, startCompany, type Company } from '../browser/support/company';
import { until } from '../support/until';

jest.setTimeout(240_000);

type Row = Record<string, unknown>;

const PRIVATE = 'ada@example.com, card 4111 1111 1111 1111, key sk-abcdefghijklmnopqrstuvwxyz';
const WORDS = 'zebras of Zanzibar';

describe('prompts and answers', () => {
  let company: Company;
  let database: DataSource;
  let key: string;

  const create = async (route: string, body: object): Promise<Record<string, string>> =>
    (await company.gateway.admin('POST', route, body)).body as Record<string, string>;
  const contentOf = async (id: string, bearer?: string): Promise<{ status: number; body: Row; text: string }> => {
    const response = await fetch(`${company.gateway.url}/api/v1/requests/${id}/content`, {
      headers: { authorization: `Bearer ${bearer ?? 'test-admin-key-0123456789abcdef0123456789'}` },
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) as Row, text };
  };
  const kept = async (): Promise<number> => {
    const [row] = await database.query<{ count: string }[]>('select count(*) from transcripts');
    return Number(row?.count);
  };
  const post = async (route: string, body: object): Promise<string> => {
    const response = await fetch(`${company.gateway.url}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    await response.text();
    const id = response.headers.get('x-request-id') ?? '';
    await company.gateway.recordOf(id);
    return id;
  };
  const ask = (text: string, more: object = {}): Promise<string> =>
    post('/v1/chat/completions', { model: 'gpt-4o', messages: [{ role: 'user', content: text }], ...more });
  const keep = (isOn: boolean): Promise<unknown> =>
    company.gateway.admin('PATCH', `/teams/${company.teams.search}`, { store_content: isOn });

  beforeAll(async () => {
    company = await startCompany();
    database = company.gateway.app.get(DataSource);
    const { id: user_id } = company.people.member;
    key = (await create('/keys', { name: 'asker', team_id: company.teams.search, user_id }))['secret'] ?? '';
  });
  afterAll(() => company.close());

  it('are not stored until the team says so', async () => {
    const id = await ask('Not for keeping.');
    expect(await company.gateway.recordOf(id)).toMatchObject({ has_content: false });
    expect((await contentOf(id)).status).toBe(404);
    expect(await kept()).toBe(0);
  });

  it('are kept encrypted, without what is private, and read by API with an entry in the audit log', async () => {
    await keep(true);
    await until(async () => (await ask('Is it on?'), (await kept()) > 0));
    const id = await ask(`Tell ${PRIVATE} about ${WORDS}.`);
    await until(async () => (await contentOf(id)).status === 200);
    const { body, text } = await contentOf(id);
    expect(body).toMatchObject({
      request_id: id,
      prompt: {
        content: { model: 'gpt-4o', messages: [{ content: expect.stringContaining(WORDS) }] },
        redacted: { email_addresses: 1, card_numbers: 1, keys: 1 },
        cut: false,
      },
      answer: { content: { choices: [{ message: { role: 'assistant', content: expect.any(String) } }] } },
      key_id: expect.stringMatching(/^\d{4}-\d{2}\.[0-9a-f]{8}$/),
    });
    for (const piece of ['ada@example.com', '4111 1111', 'sk-abcdef']) expect(text).not.toContain(piece);
    expect(await company.gateway.recordOf(id)).toMatchObject({ has_content: true });
    const rows = await database.query<{ row: string }[]>('select row_to_json(t)::text as row from transcripts t');
    const dump = rows.map(({ row }) => row).join('\n');
    for (const piece of ['zebra', 'Tell', 'example.com', Buffer.from(WORDS).toString('base64url').slice(4, 20)])
      expect(dump).not.toContain(piece);
    const { body: audit } = await company.gateway.admin('GET', `/audit?target=${id}`);
    const entries = (audit as { data: Row[] }).data;
    expect(entries.length).toBeGreaterThanOrEqual(2);
    expect(entries[0]).toMatchObject({ action: 'request.read_content', target: { id }, before: null, after: null });
  });

  it('of streams are their words, in every dialect', async () => {
    const stream = await ask('Stream please.', { stream: true });
    const messages = [{ role: 'user', content: 'Hello Claude.' }];
    const claude = { model: 'claude-sonnet-4-20250514', max_tokens: 50, stream: true, messages };
    const message = await post('/v1/messages', claude);
    for (const id of [stream, message]) {
      await until(async () => (await contentOf(id)).status === 200);
      const { answer } = (await contentOf(id)).body as { answer: { content: string } };
      expect(answer.content.length).toBeGreaterThan(10);
    }
  });

  it('are shown on a page of the request to those who see it, and to nobody else', async () => {
    const id = await ask(`The page about ${WORDS}.`);
    await until(async () => (await contentOf(id)).status === 200);
    const seen: Record<string, number> = {};
    for (const role of ['admin', 'auditor', 'team_lead', 'member'] as const) {
      const client = new ConsoleClient(company.gateway.url);
      await client.signIn(company.people[role].email, PASSWORD);
      expect((await client.get(`/admin/requests/${id}`)).text).toContain(`/admin/requests/${id}/content`);
      const page = await client.get(`/admin/requests/${id}/content`);
      seen[role] = page.status;
      expect(page.text).toContain(WORDS);
    }
    expect(seen).toEqual({ admin: 200, auditor: 200, team_lead: 200, member: 200 });
    const { body } = await company.gateway.admin('GET', `/audit?target=${id}&action=request.read_content`);
    const readers = (body as { data: { actor: { name: string } }[] }).data.map(({ actor }) => actor.name);
    for (const role of ['auditor', 'member'] as const) expect(readers).toContain(company.people[role].email);
    const stranger = await create('/users', {
      email: 'stranger@example.com',
      name: 'Stranger',
      role: 'team_lead',
      team_ids: [company.teams.support],
    });
    const fields = { name: 's', team_id: company.teams.support, user_id: stranger['id'], scopes: ['management'] };
    const bearer = (await create('/keys', fields))['secret'];
    const [theirs, nobodys] = [await contentOf(id, bearer), await contentOf(`req_${'7'.repeat(26)}`, bearer)];
    expect([theirs.status, nobodys.status]).toEqual([404, 404]);
    expect(theirs.text.replace(id, '')).toBe(nobodys.text.replace(`req_${'7'.repeat(26)}`, ''));
  });

  it('do not open when a row was changed or moved', async () => {
    const [one, other] = [await ask('First.'), await ask('Second.')];
    await until(async () => (await contentOf(other)).status === 200);
    await database.query(
      'update transcripts t set sealed = o.sealed from transcripts o where t.request_id = $1 and o.request_id = $2',
      [one, other],
    );
    const moved = await contentOf(one);
    expect([moved.status, moved.text.includes('cannot be decrypted')]).toEqual([409, true]);
    await database.query("update transcripts set key_id = '2026-01.00000000' where request_id = $1", [other]);
    expect((await contentOf(other)).text).toContain('another GATEWAY_SECRET');
  });

  it('are dropped when their days are over', async () => {
    const id = await ask('Soon gone.');
    await until(async () => (await contentOf(id)).status === 200);
    const before = await kept();
    await database.query("update transcripts set started_at = now() - interval '31 days' where request_id = $1", [id]);
    await company.gateway.app.get(TranscriptRetention).run();
    expect([await kept(), (await contentOf(id)).status]).toEqual([before - 1, 404]);
  });

  it('are counted in the metrics, and not kept any more once it is switched off', async () => {
    const metrics = await (await fetch(`${company.gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_transcripts_total\{outcome="stored"\} [1-9]/);
    expect(metrics).not.toContain('Zanzibar');
    const admin = new ConsoleClient(company.gateway.url);
    await admin.signIn(company.people.admin.email, PASSWORD);
    const team = `/admin/teams/${company.teams.search}`;
    expect((await admin.get(team)).text).toMatch(/name="store_content" value="on" checked/);
    expect((await admin.post(team, { name: 'Search' })).status).toBe(303);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const before = await kept();
    const id = await ask('Off again.');
    expect(await company.gateway.recordOf(id)).toMatchObject({ has_content: false });
    expect(await kept()).toBe(before);
  });
});
