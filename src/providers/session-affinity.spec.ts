import { SessionAffinity } from './session-affinity';

const A = { provider: 'a', model: 'm' };
const B = { provider: 'b', model: 'm' };

describe('SessionAffinity', () => {
  it('remembers where a conversation was last, for five minutes after its last turn', () => {
    let now = 0;
    const affinity = new SessionAffinity(() => now);
    expect(affinity.isAt('k', A)).toBe(false);
    affinity.keep('k', A);
    now = 299_999;
    expect(affinity.isAt('k', A)).toBe(true);
    expect(affinity.isAt('k', B)).toBe(false);
    affinity.keep('k', A);
    now += 299_999;
    expect(affinity.isAt('k', A)).toBe(true);
    now += 1;
    expect(affinity.isAt('k', A)).toBe(false);
  });

  it('moves with the conversation, and forgets the one that was silent longest', () => {
    const affinity = new SessionAffinity(() => 0, 2);
    affinity.keep('one', A);
    affinity.keep('two', A);
    affinity.keep('one', B);
    affinity.keep('three', A);
    expect(affinity.isAt('one', B)).toBe(true);
    expect(affinity.isAt('two', A)).toBe(false);
    expect(affinity.isAt('three', A)).toBe(true);
  });
});
