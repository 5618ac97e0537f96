import { PhaseTimer, type Deadline } from './phase-timer';

describe('PhaseTimer', () => {
  let late: Deadline[];
  const timer = (connectMs = 100, totalMs = 1000): PhaseTimer =>
    new PhaseTimer('connect', connectMs, totalMs, (deadline) => void late.push(deadline));

  beforeEach(() => {
    late = [];
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('tells of the phase that took too long, and not before', () => {
    timer();
    jest.advanceTimersByTime(99);
    expect(late).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(late).toEqual(['connect']);
  });

  it('gives each phase its own time, shorter or longer than what the timer is set for', () => {
    const phases = timer();
    jest.advanceTimersByTime(90);
    phases.enter('first_byte', 300);
    jest.advanceTimersByTime(290);
    phases.enter('idle', 20);
    jest.advanceTimersByTime(19);
    expect(late).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(late).toEqual(['idle']);
  });

  it('begins a phase anew as often as it is entered, within the total', () => {
    const phases = timer();
    for (let elapsed = 0; elapsed < 990; elapsed += 90) {
      phases.enter('idle', 100);
      jest.advanceTimersByTime(90);
    }
    expect(late).toEqual([]);
    phases.enter('idle', 100);
    jest.advanceTimersByTime(10);
    expect(late).toEqual(['total']);
  });

  it('waits for the total only while a phase is held', () => {
    const phases = timer();
    phases.hold();
    jest.advanceTimersByTime(999);
    expect(late).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(late).toEqual(['total']);
  });

  it('is silent once it is stopped', () => {
    const phases = timer();
    phases.stop();
    jest.advanceTimersByTime(5000);
    expect(late).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sets one timer for a call that is never late', () => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    const phases = timer(100, 100_000);
    phases.enter('first_byte', 200);
    for (let piece = 0; piece < 50; piece += 1) phases.enter('idle', 300);
    phases.stop();
    expect(set).toHaveBeenCalledTimes(1);
  });
});
