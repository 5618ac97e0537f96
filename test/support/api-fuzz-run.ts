import fc from 'fast-check';
import { startCompany } from '../browser/support/company';
import { ADMIN_KEY } from './gateway';
import { guarantee } from './guarantee';
import { OpenApiFuzz, type FuzzCall, type OpenApi } from './openapi-fuzz';

/** Calls that would end the run or go out of the machine: a reload, a test of a provider, an emptied company. */
const LEFT_OUT = /reload|\{name\}\/test|re-rating|^\/api\/v1\/prices\/import/;

/**
 * Sends calls of the management API that are right, bent or nonsense; throws when one fails the gateway or is answered
 * otherwise than documented.
 */
export async function fuzzManagementApi(calls: number, seed: number): Promise<void> {
  const company = await startCompany();
  try {
    const { url } = company.gateway;
    const document = (await (await fetch(`${url}/docs-json`)).json()) as OpenApi;
    const ids = {
      '/api/v1/teams': company.teams.search,
      '/api/v1/users': company.people.member.id,
      '/api/v1/keys': company.keys.own,
      '/api/v1/budgets': company.budgets.own,
      '/api/v1/requests': company.requests.own,
      '/api/v1/webhooks': company.webhook,
      '/api/v1/limits': 'team',
    };
    const isWanted = (_: string, route: string): boolean => route.startsWith('/api/v1') && !LEFT_OUT.test(route);
    const fuzz = new OpenApiFuzz(document, isWanted, ids);
    const wrong: string[] = [];
    const statuses = new Map<number, number>();
    const send = async (call: FuzzCall): Promise<void> => {
      const response = await fetch(url + call.path, {
        method: call.method,
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.body === undefined || call.method === 'GET' ? {} : { body: JSON.stringify(call.body) }),
      });
      const text = await response.text();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      const complaint = fuzz.complaint(
        call,
        response.status,
        isJson && text !== '' ? (JSON.parse(text) as unknown) : null,
      );
      if (response.status < 500 && complaint === null) return;
      wrong.push(
        `${call.method} ${call.path.slice(0, 200)} ${JSON.stringify(call.body)?.slice(0, 300)}: ${response.status} ${complaint ?? text.slice(0, 200)}`,
      );
    };
    // One after the other: what one changes, the next meets.
    for (const call of fc.sample(fuzz.calls(), { numRuns: calls, seed })) await send(call);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(statuses.get(200) ?? 0).toBeGreaterThan(calls / 50);
    expect(statuses.get(400) ?? 0).toBeGreaterThan(calls / 50);
    const alive = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(alive.status).toBe(200);
    const told = [...statuses].sort(([left], [right]) => left - right).map(([status, count]) => `${count} × ${status}`);
    guarantee(
      'HTTP-6',
      `${calls} calls of ${fuzz.operations.length} operations by their document, right, bent and nonsense: 0 failures, every answer as documented (${told.join(', ')})`,
      seed,
    );
  } finally {
    await company.close();
  }
}
