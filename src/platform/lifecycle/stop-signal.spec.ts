import { onStopSignal, type StopOrder } from './stop-signal';

describe('onStopSignal', () => {
  const orders: StopOrder[] = [];
  const before = { SIGINT: process.listeners('SIGINT'), SIGTERM: process.listeners('SIGTERM') };
  const now = jest.spyOn(performance, 'now');
  beforeEach(() => {
    orders.length = 0;
    onStopSignal((order) => orders.push(order));
  });
  afterEach(() => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      for (const listener of process.listeners(signal))
        if (!before[signal].includes(listener)) process.off(signal, listener);
  });
  afterAll(() => now.mockRestore());

  const send = (atMs: number, signal: NodeJS.Signals): void => {
    now.mockReturnValue(atMs);
    process.emit(signal, signal);
  };

  it('takes signals within a second for one, whichever they are', () => {
    send(5_000, 'SIGINT');
    send(5_000, 'SIGINT');
    send(5_400, 'SIGTERM');
    send(6_000, 'SIGINT');
    expect(orders).toEqual([{ signal: 'SIGINT', now: false }]);
  });

  it('asked again later means at once, as often as it is asked', () => {
    send(0, 'SIGTERM');
    send(1_001, 'SIGTERM');
    send(9_000, 'SIGINT');
    expect(orders).toEqual([
      { signal: 'SIGTERM', now: false },
      { signal: 'SIGTERM', now: true },
      { signal: 'SIGINT', now: true },
    ]);
  });
});
