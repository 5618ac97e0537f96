import { Clock } from '../../../platform/clock';
import { SignInThrottle } from './sign-in-throttle';

class HandClock extends Clock {
  nowMs = 1_000_000;
  override now(): number {
    return this.nowMs;
  }
  override monotonic(): number {
    return this.nowMs;
  }
}

describe('SignInThrottle', () => {
  const clock = new HandClock();
  let throttle: SignInThrottle;
  beforeEach(() => {
    throttle = new SignInThrottle(clock);
  });

  it('lets typing errors pass, then doubles the wait', () => {
    const waits = Array.from({ length: 6 }, () => {
      const wait = throttle.begin('ada', { address: '1.1.1.1' });
      if (wait > 0) {
        clock.nowMs += wait;
        expect(throttle.begin('ada', { address: '1.1.1.1' })).toBe(0);
      }
      return wait;
    });
    expect(waits).toEqual([0, 0, 0, 1000, 2000, 4000]);
  });

  it('locks nobody out for good', () => {
    for (let index = 0; index < 500; index += 1) throttle.begin('ada', { address: `1.1.1.${index}` });
    expect(throttle.begin('ada', { address: '2.2.2.2' })).toBeGreaterThan(0);
    clock.nowMs += 60 * 60_000;
    expect(throttle.begin('ada', { address: '2.2.2.2' })).toBe(0);
  });

  it('lets in a device that has signed in before, while others attack the account', () => {
    for (let index = 0; index < 500; index += 1) throttle.begin('ada', { address: `1.1.1.${index}` });
    expect(throttle.begin('ada', { device: 'laptop' })).toBe(0);
  });

  it('counts a right guess for nothing', () => {
    for (let index = 0; index < 100; index += 1) {
      expect(throttle.begin('ada', { address: '1.1.1.1' })).toBe(0);
      throttle.succeeded('ada', { address: '1.1.1.1' });
    }
  });

  it('remembers a bounded number of places', () => {
    for (let index = 0; index < 50_000; index += 1) throttle.begin(`user${index}`, { address: '1.1.1.1' });
    expect(throttle.size).toBeLessThanOrEqual(20_000);
  });
});
