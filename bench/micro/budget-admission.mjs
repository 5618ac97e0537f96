// Admissions and settlements a second under one hot department budget (embedded PostgreSQL, durable defaults), 64 calls at once: paid
// out of leases, beside a ledger that locks the budget's row for each call, as an UPDATE before it and one after.
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { built, withDatabase } from './harness.mjs';

const { LeaseBook } = built('billing/budgets/lease-book');
const { LeaseDesk } = built('billing/budgets/lease-desk');
const { PostgresBudgetAuthority } = built('billing/budgets/postgres-budget-authority');
const { SystemClock } = built('platform/clock');

const CALLERS = 64;
const ROUND_MS = 1_500;
const ROUNDS = 5;
const [RESERVED, ACTUAL] = [1_000n, 400n];
const BUDGET = { id: 'bud_hot', name: 'hot', limitNanoUsd: 10n ** 15n };

Logger.overrideLogger(false);
const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];

/** Calls a second of `CALLERS` callers that each begin the next one when the last has ended. */
async function rate(call) {
  const end = performance.now() + ROUND_MS;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < end) {
      for (let index = 0; index < 50; index += 1) {
        await call();
        calls += 1;
        if (performance.now() >= end) return;
      }
      // Timers and sockets have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (calls * 1000) / ROUND_MS;
}

await withDatabase(async (database) => {
  await database.query(
    `insert into budgets (id, name, source, scope, limit_nano_usd, period, timezone, hard, alerts)
     values ($1, 'hot', 'api', 'organization', $2, 'month', 'UTC', true, '{}')`,
    [BUDGET.id, BUDGET.limitNanoUsd.toString()],
  );
  await database.query('create table row_locked (id text primary key, spent bigint, held bigint, limited bigint)');
  await database.query(`insert into row_locked values ('hot', 0, 0, 1000000000000000)`);
  const clock = new SystemClock();
  const book = new LeaseBook('inst_bench');
  const authority = new PostgresBudgetAuthority(database, 'inst_bench');
  const desk = new LeaseDesk({ book, authority, clock, pause: (milliseconds) => sleep(milliseconds) });
  const signal = new AbortController().signal;
  const order = { budgets: [BUDGET], amountNanoUsd: RESERVED, fit: () => null, signal };
  const timer = setInterval(() => void desk.tick(), 1_000);

  const leased = async () => {
    const reservation = await desk.reserve(order);
    desk.settle(reservation, ACTUAL);
    // As if its row had been stored.
    for (const { leaseId } of reservation.holds) book.stored(leaseId, ACTUAL);
  };
  const locked = async () => {
    await database.query(
      `update row_locked set held = held + $1 where id = 'hot' and spent + held + $1 <= limited returning id`,
      [RESERVED.toString()],
    );
    await database.query(`update row_locked set held = held - $1, spent = spent + $2 where id = 'hot'`, [
      RESERVED.toString(),
      ACTUAL.toString(),
    ]);
  };
  const samples = { leased: [], locked: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.leased.push(await rate(leased));
    samples.locked.push(await rate(locked));
  }
  clearInterval(timer);
  const [own, rival] = [median(samples.leased), median(samples.locked)];
  process.stdout.write(
    `calls admitted and settled under one hot budget: ${Math.round(own)}/s by leases; a row lock for each: ${Math.round(rival)}/s (${(own / rival).toFixed(0)}×)\n`,
  );
});
