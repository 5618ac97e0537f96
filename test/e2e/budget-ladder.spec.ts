import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

/** What was spent is known a moment later: asked without a pause, a budget would be past its next step by then. */
const UNKNOWN_MS = 300;

jest.setTimeout(120_000);

type Answer = Readonly<Record<string, unknown>>;

/** One token of an answer costs a tenth of a cent; prompts are free. */
const YAML = `
providers: { simulator: { models: [gpt-4o, gpt-4o-mini] } }
cache: { enabled: true, ttl_seconds: 3600 }
pricing:
  overrides: { gpt-4o: { input: 0, output: 1000 }, gpt-4o-mini: { input: 0, output: 1000 } }
budgets:
  declared: { scope: organization, limit_usd: 1000, period: total, degrade: { warn_at: 0.5, block_at: 1 } }
`;

describe('the steps of a budget before it is used up', () => {
  let gateway: TestGateway;
  let keyId = '';

  beforeAll(async () => {
    gateway = await startGateway(YAML);
    const { body } = await gateway.admin('GET', '/keys');
    keyId = (body as { data: { id: string }[] }).data[0]?.id ?? '';
  });
  afterAll(() => gateway.close());

  /** An answer of so many tokens, complete, so that it may be kept. */
  const ask = async (prompt: string, tokens = 10) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o',
        max_tokens: tokens + 1,
        messages: [{ role: 'user', content: `${prompt} [[tokens:${tokens}]]` }],
      }),
    });
    const body = (await response.json()) as { error?: { code: string; message: string } };
    return {
      status: response.status,
      model: response.headers.get('x-gateway-model') ?? '',
      cache: response.headers.get('x-gateway-cache'),
      id: response.headers.get('x-request-id') ?? '',
      error: body.error,
    };
  };

  const budget = async (fields: object): Promise<string> => {
    const { status, body } = await gateway.admin('POST', '/budgets', {
      scope: 'key',
      scope_id: keyId,
      limit_usd: '0.1',
      period: 'total',
      ...fields,
    });
    expect(status).toBe(201);
    return String((body as Answer)['id']);
  };

  const spent = async (id: string): Promise<Answer> => {
    const { body } = await gateway.admin('GET', `/budgets/${id}`);
    return body as Answer;
  };

  const decisionsOf = async (id: string): Promise<string> => JSON.stringify(await gateway.recordOf(id));

  it('warns in the trace, then answers with the cheaper model, then from the cache only, then not at all', async () => {
    const degrade = {
      warn_at: 0.1,
      cheaper_at: 0.3,
      cheaper_model: 'gpt-4o-mini',
      cache_only_at: 0.5,
      block_at: 0.7,
    };
    const id = await budget({ limit_usd: '0.1', degrade });
    expect((await spent(id))['degrade']).toEqual(degrade);
    const first = await ask('What is a ladder?', 16);
    expect(first).toMatchObject({ status: 200, model: expect.stringContaining('gpt-4o') as string });
    expect(first.model).not.toContain('mini');

    // 16 tokens are 16 % of the budget.
    let warned = first;
    await until(async () => {
      warned = await ask('What is a ladder?', 16);
      return (await decisionsOf(warned.id)).includes('budget_warn');
    });
    expect(warned).toMatchObject({ status: 200, cache: 'hit' });

    await ask('What is the second step?', 16);
    let cheaper = warned;
    let turn = 0;
    await until(async () => {
      await sleep(UNKNOWN_MS);
      cheaper = await ask(`What is step ${(turn += 1)}?`, 1);
      return cheaper.model.includes('mini');
    });
    expect(cheaper.status).toBe(200);
    expect(await decisionsOf(cheaper.id)).toContain('budget_cheaper');
    // On record is what was asked for, and what answered.
    expect(await gateway.recordOf(cheaper.id)).toMatchObject({
      requested_model: 'gpt-4o',
      model: expect.stringContaining('gpt-4o-mini') as string,
    });

    await ask('Say much.', 20);
    let refused = cheaper;
    await until(async () => {
      await sleep(UNKNOWN_MS);
      refused = await ask(`Is this new, number ${(turn += 1)}?`, 1);
      return refused.status === 429;
    });
    expect(refused.error).toMatchObject({ code: 'budget_exceeded' });
    expect(refused.error?.message).toContain('only for answers from the cache');
    expect(await ask('What is a ladder?', 16)).toMatchObject({ status: 200, cache: 'hit' });

    await gateway.admin('PATCH', `/budgets/${id}`, { degrade: { block_at: 0.2 } });
    await until(async () => (await ask('What is a ladder?', 16)).status === 429);
    await gateway.admin('PATCH', `/budgets/${id}`, { degrade: null });
    await until(async () => (await ask('What is a ladder?', 16)).status === 200);
    await gateway.admin('DELETE', `/budgets/${id}`);
  });

  it('serves cached answers when a hard budget is empty', async () => {
    expect(await ask('Keep this answer.', 10)).toMatchObject({ status: 200, cache: 'miss' });
    const id = await budget({ limit_usd: '0.000001' });
    let turn = 0;
    await until(async () => (await ask(`Something new, number ${(turn += 1)}`, 10)).status === 429);
    expect(await ask('Keep this answer.', 10)).toMatchObject({ status: 200, cache: 'hit' });
    await gateway.admin('DELETE', `/budgets/${id}`);
  });

  it('lists top-ups, and counts them until they expire', async () => {
    const id = await budget({ limit_usd: '1' });
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const made = await gateway.admin('POST', `/budgets/${id}/top-ups`, {
      amount_usd: '0.5',
      expires_at: expiresAt,
      reason: 'the end of the quarter',
    });
    expect(made.status).toBe(201);
    expect(await spent(id)).toMatchObject({ remaining_usd: '1.5', exhausted_at: null });
    const { body } = await gateway.admin('GET', `/budgets/${id}/top-ups`);
    expect((body as { data: Answer[] }).data).toEqual([
      expect.objectContaining({ amount_usd: '0.5', reason: 'the end of the quarter', expires_at: expiresAt }),
    ]);
    await until(async () => (await spent(id))['remaining_usd'] === '1');
    expect((await gateway.admin('GET', '/budgets/bud_01kb3v0000abcdefghjkmnpqrs/top-ups')).status).toBe(404);
    await gateway.admin('DELETE', `/budgets/${id}`);
  });

  it.each([
    [{ warn_at: 0 }, 'degrade.warn_at'],
    [{ warn_at: 'half' }, 'degrade.warn_at'],
    [{}, 'degrade.warn_at'],
    [{ warn_at: 0.9, block_at: 0.5 }, 'degrade.block_at'],
    [{ cheaper_at: 0.5 }, 'degrade.cheaper_model'],
    [{ cheaper_at: 0.5, cheaper_model: 'gpt-4o-minni' }, 'degrade.cheaper_model'],
    [{ warn_at: 0.5, sleep_at: 1 }, 'degrade.sleep_at'],
  ])('refuses the steps %j and names the field', async (degrade, param) => {
    const { status, body } = await gateway.admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: '1',
      period: 'day',
      degrade,
    });
    expect({ status, param: (body as { error?: { param: string } }).error?.param }).toEqual({ status: 400, param });
  });
});
