import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Asked, Call, LimitedFleet, Team } from './limited-fleet';
import { until } from './until';

const PATIENCE_MS = 120_000;
let questions = 0;
/** What is not given back by then is not given back. */
const SETTLED_MS = 10_000;
const TRIES = 3;
/** The management API is throttled. */
const POLL_MS = 100;
const LIMITS = { tokens_per_minute: 100_000_000, requests_per_minute: 1_000_000, max_concurrency: 10_000 };

/** Resolves with what the client saw; nothing when it did not wait to see, or the call did not end as it should. */
type Ending = (fleet: LimitedFleet, gateway: number, call: Call) => Promise<Asked | undefined>;

interface Way {
  readonly end: Ending;
  /** What the client has to see: 0 when it was broken off; null when either may be. */
  readonly status: number | null;
}

/** Sends the head of a call and the beginning of its body, and hangs up. */
async function hangUpInBody(fleet: LimitedFleet, gateway: number, { secret }: Call): Promise<undefined> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(fleet.url(gateway)).port) });
  await new Promise((resolve) => socket.once('connect', resolve));
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${secret}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"model":"plain"`;
  await new Promise((resolve) => socket.write(head, resolve));
  socket.destroy();
}

/** The client leaves: somewhere in the gateway, when the provider has the call, or with the answer on its way. */
const leaving =
  (when: 'somewhere' | 'at the provider' | 'in the answer', change: Partial<Call>): Ending =>
  async (fleet, gateway, call) => {
    const controller = new AbortController();
    const { arrivals } = fleet.provider;
    const asked = fleet.ask(gateway, { ...call, ...change, signal: controller.signal });
    if (when === 'somewhere') await sleep(Math.random() * 6);
    else await Promise.race([asked, until(() => fleet.provider.arrivals > arrivals, PATIENCE_MS)]);
    if (when === 'in the answer') await sleep(40);
    controller.abort();
    return asked;
  };

const asking =
  (change: Partial<Call>): Ending =>
  (fleet, gateway, call) =>
    fleet.ask(gateway, { ...call, ...change });

/** The same question twice: the second answer is the cache's, and the provider is not asked. */
const asksTwice: Ending = async (fleet, gateway, call) => {
  questions += 1;
  const same = { ...call, number: `same-${questions}`, headers: { 'cache-control': 'max-age=60' } };
  await fleet.ask(gateway, same);
  const asked = await fleet.ask(gateway, same);
  return asked.isCached ? asked : undefined;
};

/** Every way in which a call may end. */
export const ENDINGS: Readonly<Record<string, Way>> = {
  answered: { end: asking({}), status: 200 },
  streamed: { end: asking({ stream: true }), status: 200 },
  'answered from the cache': { end: asksTwice, status: 200 },
  'answered by the next provider': { end: asking({ model: 'chained', script: 'once' }), status: 200 },
  'refused by the provider': { end: asking({ script: 'refuse' }), status: 400 },
  'failed at the provider': { end: asking({ script: 'fail' }), status: 500 },
  'cut off by the provider': { end: asking({ script: 'cut', stream: true }), status: 200 },
  'out of time': { end: asking({ script: 'hang', headers: { 'x-gateway-timeout-ms': '150' } }), status: 504 },
  'for an unknown model': { end: asking({ model: 'nowhere' }), status: 404 },
  'too large for the limit': { end: asking({ maxTokens: 200_000_000 }), status: 429 },
  'refused by a limit': { end: asking({ model: 'tight' }), status: 429 },
  'left in the body': { end: hangUpInBody, status: null },
  'left somewhere in the gateway': { end: leaving('somewhere', {}), status: null },
  'left while the provider worked': { end: leaving('at the provider', { script: 'hang' }), status: 0 },
  'left in the stream': { end: leaving('in the answer', { script: 'stall', stream: true }), status: 0 },
  'left with the whole stream on its way': { end: leaving('at the provider', { stream: true }), status: null },
};

/** Tokens of everything on record of a key. */
async function tokensOnRecord(fleet: LimitedFleet, keyId: string): Promise<number> {
  let [sum, cursor] = [0, ''];
  for (;;) {
    const { body } = await fleet.admin('GET', `/requests?key=${keyId}&limit=200${cursor}`);
    const { data, next_cursor: next } = body as {
      data: { input_tokens: number; output_tokens: number }[];
      next_cursor: string | null;
    };
    for (const row of data) sum += row.input_tokens + row.output_tokens;
    if (next === null) return sum;
    cursor = `&cursor=${next}`;
  }
}

/** Throws when a slot stays taken. Resolves with true when the tokens in the window are those on record. */
async function isSettled(fleet: LimitedFleet, name: string, { id, keyIds }: Team): Promise<boolean> {
  const [keyId = ''] = keyIds;
  await until(async () => {
    await sleep(POLL_MS);
    const uses = [await fleet.use('key', keyId, 1), await fleet.use('team', id, 2)];
    return uses.every(({ running }) => running === 0);
  }, PATIENCE_MS).catch(() => {
    throw new Error(`slots stay taken after calls that were ${name}`);
  });
  let told = {};
  const settling = until(async () => {
    await sleep(POLL_MS);
    const { tokens } = await fleet.use('key', keyId, 1);
    const recorded = await tokensOnRecord(fleet, keyId);
    told = { tokens, recorded };
    return tokens === recorded;
  }, SETTLED_MS);
  return settling.then(
    () => true,
    () => {
      process.stderr.write(`tokens stay taken after calls that were ${name}: ${JSON.stringify(told)}\n`);
      return false;
    },
  );
}

/** Ends calls of a team in one way, in turn at all gateways. Throws when not a single one ended so. */
async function endOneWay(fleet: LimitedFleet, name: string, { secrets }: Team, rounds: number): Promise<void> {
  const { end, status } = ENDINGS[name]!;
  const call = { secret: secrets[0]!, tokens: 7, maxTokens: 40 };
  const seen: (number | undefined)[] = [];
  for (let round = 0; round < rounds; round += 1) seen.push((await end(fleet, round % fleet.size, call))?.status);
  if (status !== null && !seen.includes(status))
    throw new Error(`calls that should be ${name} ended ${seen.join(', ')}`);
}

/**
 * Ends calls in every way, `rounds` times over all gateways. Throws when anything stays reserved: a slot, or a token that is
 * not on record as used. Tokens are excused only where Redis left a call unanswered meanwhile: what it carried out all the same
 * stays counted for the length of a window. Then it is tried again.
 */
export async function endEveryWay(fleet: LimitedFleet, rounds: number): Promise<void> {
  let left = Object.keys(ENDINGS);
  for (let attempt = 0; attempt < TRIES && left.length > 0; attempt += 1) {
    const unansweredBefore = fleet.unanswered;
    const teams: [name: string, team: Team][] = [];
    for (const name of left) teams.push([name, await fleet.team({ max_concurrency: 10_000 }, 1, LIMITS)]);
    await Promise.all(teams.map(([name, team]) => endOneWay(fleet, name, team, rounds)));
    left = [];
    for (const [name, team] of teams) if (!(await isSettled(fleet, name, team))) left.push(name);
    if (fleet.unanswered === unansweredBefore) break;
  }
  expect(left).toEqual([]);
}
