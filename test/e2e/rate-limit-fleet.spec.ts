import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { guarantee } from '../support/guarantee';
import { ENDINGS, endEveryWay } from '../support/limit-endings';
import { isAdmitted, isRefused, madeUp, mostOf, quantile } from '../support/limit-figures';
import { LimitLoad, playOn } from '../support/limit-load';
import { poisson } from '../support/limit-traces';
import { LimitedFleet, type Asked } from '../support/limited-fleet';
import { until } from '../support/until';

jest.setTimeout(400_000);

/** Of teams: short, so that many pass. */
const WINDOW_MS = 4_000;
/** Of all others: nothing leaves them while a test runs. */
const FOREVER_MS = 3_600_000;
const WINDOWS = {
  team: WINDOW_MS,
  key: FOREVER_MS,
  user: FOREVER_MS,
  department: FOREVER_MS,
  organization: FOREVER_MS,
  model: FOREVER_MS,
};
const LIMIT = 20;
/** For what happens elsewhere, on a machine that does much else. */
const PATIENCE_MS = 60_000;
const ROUNDS = 6;

describe('three gateways on one Redis', () => {
  let fleet: LimitedFleet;

  beforeAll(async () => {
    fleet = await LimitedFleet.start(WINDOWS);
  });
  afterAll(() => fleet.close());

  const allShare = () => until(async () => (await fleet.shared()).length === fleet.size, PATIENCE_MS);

  it('LIM-1 LIM-2 LIM-3 LIM-4: hold requests and tokens of any window, refuse little more and tell true waits', async () => {
    const load = await LimitLoad.run(fleet, { windowMs: WINDOW_MS, limit: LIMIT, windows: 3, seed: 23 });
    load.report('three gateways');
  });

  it('LIM-5: a refusal at any level names it, and uses nothing up at the others', async () => {
    const roomy = { requests_per_minute: 1_000, tokens_per_minute: 10_000_000, max_concurrency: 100 };
    let refusals = 0;
    for (const scope of ['key', 'user', 'team', 'department', 'model'] as const) {
      const limitsOf = (level: string) => (level === scope ? { ...roomy, requests_per_minute: 1 } : roomy);
      const { id: departmentId } = await fleet.made('/departments', { name: scope, limits: limitsOf('department') });
      // Nothing stays in the window of a team for long; here the one call that may run does not end.
      const limits = { max_concurrency: scope === 'team' ? 1 : 100 };
      const team = await fleet.made('/teams', { name: scope, department_id: departmentId, limits });
      const user = await fleet.made('/users', {
        email: `${scope}@example.com`,
        name: scope,
        role: 'member',
        team_ids: [team.id],
        limits: limitsOf('user'),
      });
      const of = { team_id: team.id, user_id: user.id, limits: limitsOf('key') };
      const keys = await Promise.all(['a', 'b', 'c'].map((name) => fleet.made('/keys', { name, ...of })));
      const model = scope === 'model' ? 'tight' : 'plain';
      const leave = new AbortController();
      const isHeld = scope === 'team';
      const secret = keys[0]!.secret;
      const first = fleet.ask(0, { secret, model, ...(isHeld ? { script: 'hang', signal: leave.signal } : {}) });
      if (!isHeld) expect((await first).status).toBe(200);
      const levels = [
        ...keys.map(({ id }) => ['key', id] as const),
        ['user', user.id],
        ['team', team.id],
        ['department', departmentId],
        ['organization', 'main'],
        ['model', 'tight'],
      ] as const;
      const use = () => Promise.all(levels.map(([level, id]) => fleet.use(level, id)));
      // What the first call did not use has been given back.
      await until(async () => {
        const [ofKey] = await use();
        return ofKey!.running === (isHeld ? 1 : 0) && ofKey!.requests === 1 && (isHeld || ofKey!.tokens === 2);
      }, PATIENCE_MS);
      const before = await use();
      let ofScope = 0;
      const callers = scope === 'key' ? [secret] : keys.map((key) => key.secret);
      for (let index = 0; index < 45; index += fleet.size) {
        const asked = await Promise.all(
          Array.from({ length: fleet.size }, (_, gateway) =>
            fleet.ask(gateway, { secret: callers[(index / fleet.size) % callers.length]!, model }),
          ),
        );
        for (const { status, text, degraded } of asked) {
          // A gateway that has not heard from Redis in time has no share of one.
          if (degraded) continue;
          expect({ scope, status }).toEqual({ scope, status: 429 });
          expect(text).toContain(`Rate limit reached for ${scope} `);
          refusals += 1;
          ofScope += 1;
        }
      }
      expect({ scope, isRefused: ofScope > 0 }).toEqual({ scope, isRefused: true });
      // Redis may have been told of a call that was still being asked for.
      await until(async () => isDeepStrictEqual(await use(), before), PATIENCE_MS).catch(() => {});
      expect(await use()).toEqual(before);
      leave.abort();
      await first;
    }
    expect(refusals).toBeGreaterThan(100);
    guarantee(
      'LIM-5',
      `three gateways: ${refusals} refusals, by key, user, team, department and model in turn, moved 0 of any level`,
    );
  });

  it('LIM-6: neither a Redis whose clock jumps back nor one whose clock jumps ahead lets anybody in', async () => {
    const keyLimit = 40;
    const team = await fleet.team({ requests_per_minute: LIMIT });
    const other = await fleet.team(null, 1, { requests_per_minute: keyLimit });
    const jumps = [-300_000, 300_000, 300_000, -1, 2_000, -30_000, -272_000];
    const jumping = async (): Promise<void> => {
      let offset = 0;
      for (const jump of jumps) {
        offset += jump;
        fleet.turnClock(offset);
        await sleep(800);
      }
      fleet.turnClock(null);
    };
    const [asked, ofKey] = await Promise.all([
      playOn(fleet, team, poisson({ windowMs: WINDOW_MS, limit: LIMIT }, 4, 2)),
      playOn(fleet, other, poisson({ windowMs: WINDOW_MS, limit: keyLimit }, 1, 2)),
      jumping(),
    ]);
    const { requests } = mostOf(asked, WINDOW_MS);
    expect(requests).toBeLessThanOrEqual(LIMIT);
    const ofKeyAdmitted = ofKey.filter(isAdmitted).length;
    expect(ofKeyAdmitted).toBeLessThanOrEqual(keyLimit);
    expect(asked.filter(isRefused).length).toBeGreaterThan(0);
    guarantee(
      'LIM-6',
      `three gateways, ${jumps.length} jumps of the clock of up to five minutes both ways: at most ${requests} of ${LIMIT} in any window, ${ofKeyAdmitted} of ${keyLimit} in an endless one; excess 0`,
    );
  });

  describe('when Redis goes away', () => {
    const limit = 90;

    /** Each gateway gets one call after the other, all together more than the limit. */
    async function flood(story: (asked: readonly Asked[]) => Promise<void>): Promise<Asked[]> {
      await allShare();
      const team = await fleet.team({ requests_per_minute: limit }, 3);
      const asked: Asked[] = [];
      let isOver = false;
      const callers = team.secrets.map(async (secret, gateway) => {
        while (!isOver) {
          asked.push(await fleet.ask(gateway, { secret }));
          await sleep(12);
        }
      });
      await story(asked).finally(() => {
        isOver = true;
      });
      await Promise.all(callers);
      return asked;
    }
    const expectKept = (asked: readonly Asked[]): number => {
      const { requests } = mostOf(asked, WINDOW_MS);
      expect(requests).toBeLessThanOrEqual(limit);
      expect(madeUp(asked, WINDOW_MS)).toBe(0);
      return requests;
    };
    const degraded = () =>
      Promise.all(
        Array.from({ length: fleet.size }, (_, gateway) => fleet.metric(gateway, 'gateway_rate_limit_degraded')),
      );
    const allAlone = () => until(async () => (await degraded()).every((value) => value === 1), PATIENCE_MS);
    const took = ({ sentMs, endedMs }: Asked): number => endedMs - sentMs;

    it('LIM-7: windows survive a Redis that loses everything, twice', async () => {
      const upMs: number[] = [];
      const asked = await flood(async () => {
        await sleep(1_000);
        for (let wipe = 0; wipe < 2; wipe += 1) {
          await fleet.redis.kill();
          await fleet.redis.up();
          upMs.push(performance.now());
          await sleep(2_000);
        }
        await allShare();
      });
      const most = expectKept(asked);
      const recoveries = upMs.flatMap((at) =>
        Array.from({ length: fleet.size }, (_, gateway) => {
          const first = asked.find((call) => call.gateway === gateway && call.sentMs > at && !call.degraded);
          return first ? first.answeredMs - at : Infinity;
        }),
      );
      // A second is promised, of a machine that has nothing else to do.
      expect(Math.max(...recoveries)).toBeLessThan(PATIENCE_MS);
      guarantee(
        'LIM-7',
        `three gateways, two wipes in mid-window, ${asked.length} calls: at most ${most} of ${limit} in any window, excess 0; counted together again after ${Math.max(...recoveries).toFixed(0)} ms at most (median ${quantile(recoveries, 0.5).toFixed(0)})`,
      );
    });

    it.each([
      ['SIGSTOP', async () => fleet.redis.freeze(), async () => fleet.redis.thaw()],
      ['SIGKILL', () => fleet.redis.kill(), () => fleet.redis.up()],
      ['a dead link', async () => fleet.silence(), async () => fleet.speak()],
    ])('LIM-8: each gateway grants its share after %s, and says so', async (how, goAway, comeBack) => {
      let [goneMs, backMs] = [0, 0];
      const asked = await flood(async () => {
        await sleep(1_000);
        goneMs = performance.now();
        await goAway();
        await allAlone();
        // Longer than a window: what was admitted before counts no more.
        await sleep(WINDOW_MS * 1.1);
        const ready = await (await fetch(`${fleet.url(0)}/health/ready`)).text();
        expect(ready).toContain('on_store_down is local_share');
        backMs = performance.now();
        await comeBack();
        await allShare();
        await sleep(500);
      });
      const most = expectKept(asked);
      const away = asked.filter(({ sentMs, endedMs }) => sentMs >= goneMs && endedMs < backMs);
      const alone = away.filter((call) => isAdmitted(call) && call.degraded).length;
      expect(alone).toBeGreaterThan(0);
      expect(fleet.process(0).text).toContain('Limits are degraded: Redis does not answer');
      const usual = quantile(asked.filter(({ endedMs }) => endedMs < goneMs).map(took), 0.5);
      const slow = away.map(took).filter((tookMs) => tookMs > usual + 40);
      // Once it is known, nobody waits for Redis any more.
      expect(quantile(away.map(took), 0.5)).toBeLessThan(usual + 40);
      const slowest = slow.length === 0 ? '' : ` (+${(Math.max(...slow) - usual).toFixed(0)} ms at most)`;
      guarantee(
        'LIM-8',
        `three gateways, ${how}: at most ${most} of ${limit} in any window, excess 0, ${alone} admitted alone; slow calls a gateway ${(slow.length / fleet.size).toFixed(1)}${slowest}, the median ${(quantile(away.map(took), 0.5) - usual).toFixed(1)} ms on top of ${usual.toFixed(1)}; made-up refusals 0`,
      );
    });

    it('LIM-8: refuses or lets pass when that is the policy, from a reload on', async () => {
      await allShare();
      const team = await fleet.team({ requests_per_minute: 3 }, 3);
      const askAll = async (times: number): Promise<Asked[]> => {
        const all: Asked[] = [];
        for (let index = 0; index < times * fleet.size; index += 1)
          all.push(await fleet.ask(index % fleet.size, { secret: team.secrets[index % fleet.size]! }));
        return all;
      };
      await fleet.redis.kill();
      await allAlone();
      await fleet.policy('deny');
      for (const { status, retryAfterMs, text } of await askAll(2)) {
        expect({ status, retryAfterMs }).toEqual({ status: 503, retryAfterMs: 1_000 });
        expect(text).toContain('set to refuse requests meanwhile');
      }
      const ready = await fetch(`${fleet.url(0)}/health/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.text()).toContain('on_store_down is deny');
      await fleet.policy('allow');
      for (const call of await askAll(3)) expect(call).toMatchObject({ status: 200, degraded: true });
      await fleet.policy('local_share');
      await fleet.redis.up();
      await allShare();
    });
  });

  it('LIM-9: nothing stays reserved however a call ends: no slot, and no token that was not used', async () => {
    await allShare();
    await endEveryWay(fleet, ROUNDS);
    const ways = Object.keys(ENDINGS);
    guarantee(
      'LIM-9',
      `three gateways, ${ways.length} ways for a call to end, ${ROUNDS} times each (${ways.join(', ')}): 0 slots and 0 unused tokens held at rest`,
    );
  });

  it('LIM-9: neither a gateway that sleeps nor one that was killed keeps a slot', async () => {
    const team = await fleet.team({ max_concurrency: 6 }, 1);
    const secret = team.secrets[0]!;
    const controller = new AbortController();
    const running = async () => {
      await sleep(50);
      return (await fleet.use('team', team.id)).running;
    };
    const calls = [0, 0, 1, 1, 2, 2].map((gateway) =>
      fleet.ask(gateway, { secret, script: 'hang', signal: controller.signal }),
    );
    await until(async () => (await running()) === 6, PATIENCE_MS);
    expect((await fleet.ask(0, { secret })).status).toBe(429);
    fleet.process(1).process.kill('SIGSTOP');
    fleet.process(2).process.kill('SIGKILL');
    // Who is not heard of for five seconds holds nothing.
    await until(async () => (await running()) === 2, PATIENCE_MS);
    expect((await fleet.ask(0, { secret })).status).toBe(200);
    fleet.process(1).process.kill('SIGCONT');
    // Its calls have run on, so they count again.
    await until(async () => (await running()) === 4, PATIENCE_MS);
    controller.abort();
    await Promise.all(calls);
    await until(async () => (await running()) === 0, PATIENCE_MS);
  });
});
