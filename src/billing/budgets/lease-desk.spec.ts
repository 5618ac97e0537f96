import { Logger } from '@nestjs/common';
import { ManualClock } from '../testing/manual-clock';
import { budgetsOf, termsOf } from './testing/budget-fixtures';
import type { BudgetTerms } from './budget-terms';
import type { ReserveOrder } from './waiting-line';
import type { Reservation } from './lease-book';

describe('LeaseDesk', () => {
  let clock: ManualClock;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['log', 'warn', 'error']));
  beforeEach(() => {
    clock = new ManualClock();
  });

  const order = (budgets: readonly BudgetTerms[], amountNanoUsd: bigint, changes: Partial<ReserveOrder> = {}) => ({
    budgets,
    amountNanoUsd,
    fit: () => null,
    signal: new AbortController().signal,
    ...changes,
  });

  it('asks once and then pays out of its lease, without another round trip', async () => {
    const team = termsOf('bud_team');
    const { desk, authority } = budgetsOf(clock, [team]);
    await desk.reserve(order([team], 100n));
    const calls = authority.calls;
    for (let index = 0; index < 10; index += 1) {
      expect(desk.reserve(order([team], 100n))).not.toBeInstanceOf(Promise);
    }
    expect(authority.calls).toBe(calls);
  });

  it('asks for all that wait at once in one call', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 10_000n });
    const { desk, authority } = budgetsOf(clock, [team]);
    await Promise.all(Array.from({ length: 100 }, () => desk.reserve(order([team], 100n))));
    expect(authority.calls).toBe(1);
    await expect(Promise.resolve().then(() => desk.reserve(order([team], 10_001n)))).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
  });

  it('waits for money that running calls hold, and is served when they need less', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 100n });
    const { desk, gate } = budgetsOf(clock, [team]);
    const first = await desk.reserve(order([team], 100n));
    const second = Promise.resolve(desk.reserve(order([team], 60n)));
    let isServed = false;
    void second.then(() => {
      isServed = true;
    });
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isServed).toBe(false);
    gate.settle(first, 40n);
    expect((await second).amountNanoUsd).toBe(60n);
  });

  it('a call that named no bound takes the whole amount when it is free, else what it is content with, without waiting', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 100n });
    const { desk, gate } = budgetsOf(clock, [team]);
    const elastic = order([team], 70n, { modestNanoUsd: 20n });
    const first = await desk.reserve(elastic);
    expect(first.amountNanoUsd).toBe(70n);
    const second = await desk.reserve(elastic);
    expect(second.amountNanoUsd).toBe(20n);
    // Not even that: it waits like any other.
    const third = Promise.resolve(desk.reserve(elastic));
    let isServed = false;
    void third.then(() => (isServed = true));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isServed).toBe(false);
    gate.settle(first, 1n);
    expect((await third).amountNanoUsd).toBe(20n);
  });

  it('refuses in the end, and at once when what is spent leaves too little', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 100n });
    const { desk, model } = budgetsOf(clock, [team]);
    await desk.reserve(order([team], 100n));
    const waiting = Promise.resolve(desk.reserve(order([team], 60n)));
    clock.advance(20_001);
    await expect(waiting).rejects.toMatchObject({
      code: 'budget_exceeded',
      status: 429,
      message: expect.stringContaining('held by calls that are still running') as string,
    });
    model.periodOf(team.id).overrun = 50n;
    clock.advance(1_000);
    await expect(Promise.resolve(desk.reserve(order([team], 60n)))).rejects.toMatchObject({ code: 'budget_exceeded' });
    // Known to be empty: no more waiting, no more asking.
    expect(() => desk.reserve(order([team], 60n))).toThrow(expect.objectContaining({ code: 'budget_exceeded' }));
  });

  it('says nothing of running calls when waiting for them would not help', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 100n });
    const { desk, model } = budgetsOf(clock, [team]);
    await desk.reserve(order([team], 100n));
    const waiting = Promise.resolve(desk.reserve(order([team], 60n)));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    model.periodOf(team.id).overrun = 50n;
    const error = await waiting.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'budget_exceeded' });
    expect((error as Error).message).not.toContain('held');
  });

  it('settles for a shorter answer when that is all that can be bought', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 100n });
    const { desk } = budgetsOf(clock, [team]);
    const taken = await desk.reserve(
      order([team], 500n, { fit: (available) => (available >= 10n ? available : null) }),
    );
    expect(taken.amountNanoUsd).toBe(100n);
  });

  it('says that it cannot tell when the database is away and no lease is left, and recovers', async () => {
    const team = termsOf('bud_team');
    const { desk, authority } = budgetsOf(clock, [team]);
    await desk.reserve(order([team], 100n));
    authority.isAway = true;
    expect(desk.reserve(order([team], 100n))).not.toBeInstanceOf(Promise);
    clock.advance(24_001);
    await expect(Promise.resolve(desk.reserve(order([team], 100n)))).rejects.toMatchObject({
      status: 503,
      code: 'budget_unavailable',
      retryAfterMs: 1_000,
    });
    authority.isAway = false;
    expect((await desk.reserve(order([team], 100n))).amountNanoUsd).toBe(100n);
  });

  it('lets go who has left, and gives everything back in the end', async () => {
    const [team, all] = [termsOf('bud_team'), termsOf('bud_all', { limitNanoUsd: 500n })];
    const { desk, gate, book, model } = budgetsOf(clock, [team, all]);
    const controller = new AbortController();
    const held = await desk.reserve(order([team, all], 500n));
    const gone = Promise.resolve(desk.reserve(order([team, all], 400n, { signal: controller.signal })));
    controller.abort();
    await expect(gone).rejects.toThrow('the client has gone');
    expect(desk.waitingCount).toBe(0);
    gate.release(held);
    await desk.close();
    expect(book.size).toBe(0);
    for (const { id } of [team, all]) expect(model.periodOf(id)).toMatchObject({ leased: 0n, unaccounted: 0n });
  });

  it('stops using money when a limit is lowered', async () => {
    const team = termsOf('bud_team', { limitNanoUsd: 10_000n });
    const { desk, model } = budgetsOf(clock, [team]);
    const first: Reservation = await desk.reserve(order([team], 100n));
    model.setLimit(team.id, 50n);
    await desk.budgetsChanged();
    await expect(Promise.resolve(desk.reserve(order([team], 100n)))).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(model.periodOf(team.id).leased).toBe(first.amountNanoUsd);
  });
});
