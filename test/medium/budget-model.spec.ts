import type { DataSource } from 'typeorm';
import type { AttemptAsk, BudgetAsk } from '../../src/billing/budgets/budget-authority';
import { PostgresBudgetAuthority } from '../../src/billing/budgets/postgres-budget-authority';
import { BudgetModel, type Booking } from '../../src/billing/budgets/testing/budget-model';
import { ManualClock } from '../../src/billing/testing/manual-clock';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

const ROUNDS = 30;
const STEPS = 40;

describe('the functions in PostgreSQL decide as the model does', () => {
  let database: DataSource;

  beforeAll(async () => {
    database = await connect(await createTestDatabase());
    await database.runMigrations();
  });
  afterAll(() => database.destroy());

  const below = (count: number): number => Math.floor(Math.random() * count);

  it(`on ${ROUNDS} random histories of ${STEPS} steps, figure by figure (BUD-4)`, async () => {
    let refused = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const model = new BudgetModel(new ManualClock());
      const replicas = ['a', 'b', 'c'].map((name) => `inst_${round}${name}`);
      const ids = Array.from({ length: 1 + below(3) }, (_, index) => `bud_${round}_${index}`);
      for (const id of ids) {
        const limit = BigInt(100 + below(2_000));
        model.add(id, limit);
        await database.query(
          `insert into budgets (id, name, source, scope, limit_nano_usd, period, timezone, hard, alerts)
           values ($1, $1, 'api', 'organization', $2, 'total', 'UTC', true, '{}')`,
          [id, limit.toString()],
        );
      }
      let attempts = 0;
      for (let step = 0; step < STEPS; step += 1) {
        const instance = replicas[below(3)] ?? '';
        const leases = [...model.leases.keys()].filter((id) => id.startsWith(`${instance}/`));
        const authority = new PostgresBudgetAuthority(database, instance);
        const dice = Math.random();
        if (dice < 0.5) {
          const asks: BudgetAsk[] = ids.map((budgetId, index) => ({
            budgetId,
            leaseId: `${instance}/${index}`,
            slackNanoUsd: BigInt(below(200)),
          }));
          const wanted: AttemptAsk[] = Array.from({ length: below(4) }, () =>
            asks.slice(below(asks.length)).map(({ budgetId }) => ({
              place: ids.indexOf(budgetId),
              amountNanoUsd: BigInt(1 + below(300)),
            })),
          );
          const answers = await authority.acquire(asks, wanted);
          expect(answers).toEqual(model.acquire(instance, asks, wanted));
          refused += answers.filter(({ grantedNanoUsd }) => grantedNanoUsd === 0n).length;
        } else if (dice < 0.7) {
          const due = leases.map((leaseId) => ({ leaseId, returnNanoUsd: BigInt(below(150)) }));
          if (due.length > 0) expect(await authority.renew(due)).toEqual(model.renew(due));
        } else if (dice < 0.9) {
          const leaseId = leases[below(leases.length)];
          const lease = leaseId === undefined ? undefined : model.leases.get(leaseId);
          if (!lease || leaseId === undefined) continue;
          attempts += 1;
          // More than the lease holds, now and then: a provider that lies.
          const amount = BigInt(below(Number(lease.amount) + 40));
          const booking: Booking = { attemptId: `att_${attempts}`, budgetId: lease.budgetId, leaseId, amount };
          model.settle([booking]);
          await database.query('select budget_settle(array[$1], array[$2], array[$3::bigint], array[now()])', [
            booking.budgetId,
            leaseId,
            amount.toString(),
          ]);
        } else if (leases.length > 0) {
          await authority.close(leases.slice(0, 1));
          model.close(leases.slice(0, 1));
        }
        await expectSame(model, ids);
      }
    }
    expect(refused).toBeGreaterThan(ROUNDS);
    guarantee(
      'BUD-4',
      `${ROUNDS} random histories of ${STEPS} steps at up to 3 levels: every figure as in the reference`,
    );
  }, 120_000);

  async function expectSame(model: BudgetModel, ids: readonly string[]): Promise<void> {
    const rows = await database.query<Record<string, string>[]>(
      `select budget_id as id, spent_nano_usd as spent, leased_nano_usd as leased, unaccounted_nano_usd as unaccounted,
         overrun_nano_usd as overrun from budget_periods where budget_id = any($1) order by 1`,
      [ids],
    );
    const stored = new Map(rows.map(({ id, ...figures }) => [id, figures]));
    for (const id of ids) {
      const { spent, leased, unaccounted, overrun } = model.periodOf(id);
      const figures = { spent: `${spent}`, leased: `${leased}`, unaccounted: `${unaccounted}`, overrun: `${overrun}` };
      expect(stored.get(id) ?? { spent: '0', leased: '0', unaccounted: '0', overrun: '0' }).toEqual(figures);
    }
  }
});
