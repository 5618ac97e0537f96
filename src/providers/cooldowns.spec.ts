import fc from 'fast-check';
import { Cooldowns } from './cooldowns';

const asked = (untilMs: number) => ({ kind: 'asked' as const, reason: 'http_429', untilMs });
const chosen = (untilMs: number) => ({ kind: 'chosen' as const, reason: 'http_429', untilMs });

describe('Cooldowns', () => {
  it('is extended, never shortened', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 1 }), fc.nat(10_000), (ends, nowMs) => {
        const cooldowns = new Cooldowns();
        for (const end of ends) cooldowns.hold('d', asked(end));
        const last = Math.max(...ends);
        expect(cooldowns.find('d', nowMs)?.untilMs).toBe(last > nowMs ? last : undefined);
      }),
    );
  });

  it('what the provider asked for outlasts a success; what we chose does not', () => {
    const cooldowns = new Cooldowns();
    cooldowns.hold('d', chosen(9000));
    cooldowns.hold('d', asked(5000));
    expect(cooldowns.find('d', 0)).toMatchObject({ kind: 'asked' });
    expect(cooldowns.find('d', 6000)).toMatchObject({ kind: 'chosen' });
    cooldowns.succeeded('d');
    expect(cooldowns.find('d', 0)).toMatchObject({ kind: 'asked' });
    expect(cooldowns.find('d', 6000)).toBeNull();
    expect(cooldowns.find('other', 0)).toBeNull();
  });

  it('keeps a bounded number of domains', () => {
    const cooldowns = new Cooldowns();
    for (let index = 0; index <= 10_000; index += 1) cooldowns.hold(`d${index}`, asked(1e9));
    expect(cooldowns.find('d0', 0)).toBeNull();
    expect(cooldowns.find('d10000', 0)).not.toBeNull();
  });
});
