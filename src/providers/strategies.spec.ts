import fc from 'fast-check';
import { chatRequestOf } from '../core/testing/chat-request';
import type { Strategy } from './models.config';
import type { Provider } from './provider';
import type { ResolvedTarget } from './route-table';
import { affinityKey, hashDraw, ordered, type TargetView } from './strategies';

const target = (provider: string, weight?: number): ResolvedTarget => ({
  provider,
  model: 'm',
  adapter: undefined as unknown as Provider,
  quotaDomain: provider,
  totalTimeoutMs: 1000,
  ...(weight === undefined ? {} : { weight }),
});
const nothingKnown: TargetView = {
  expectedMs: () => 0,
  cost: () => null,
  activeCalls: () => 0,
  draw: () => 0.5,
  isHome: () => false,
};
const order = (strategy: Strategy, targets: readonly ResolvedTarget[], view: Partial<TargetView> = {}) =>
  ordered({ strategy, targets }, { ...nothingKnown, ...view }).map((entry) => entry.target.provider);
const by = (figures: Readonly<Record<string, number>>) => (item: ResolvedTarget) => figures[item.provider] ?? 0;

describe('strategies', () => {
  const abc = ['a', 'b', 'c'].map((name) => target(name));

  it('put the targets in the order that the strategy says', () => {
    expect(order('priority', abc)).toEqual(['a', 'b', 'c']);
    expect(order('least_latency', abc, { expectedMs: by({ a: 900, b: 100, c: 300 }) })).toEqual(['b', 'c', 'a']);
    expect(order('least_busy', abc, { activeCalls: by({ a: 2, b: 5, c: 0 }) })).toEqual(['c', 'a', 'b']);
    const cost = (item: ResolvedTarget) => ({ a: null, b: 70n, c: 9n })[item.provider] ?? null;
    expect(order('lowest_cost', abc, { cost })).toEqual(['c', 'b', 'a']);
  });

  it('keep the order of the configuration among equals', () => {
    for (const strategy of ['least_latency', 'least_busy', 'lowest_cost', 'weighted'] as const) {
      expect(order(strategy, abc)).toEqual(['a', 'b', 'c']);
    }
  });

  it('keep a conversation at home where the figures wander, and only there', () => {
    const view = { expectedMs: by({ a: 1, b: 2, c: 3 }), activeCalls: by({ a: 1, b: 2, c: 3 }) };
    const isHome = ({ provider }: ResolvedTarget): boolean => provider === 'c';
    expect(order('least_latency', abc, { ...view, isHome })).toEqual(['c', 'a', 'b']);
    expect(order('least_busy', abc, { ...view, isHome })).toEqual(['c', 'a', 'b']);
    for (const strategy of ['priority', 'lowest_cost', 'weighted'] as const) {
      expect(order(strategy, abc, { ...view, isHome })).toEqual(['a', 'b', 'c']);
    }
  });

  it('weighted: draws in proportion, and weight 0 only when nobody else is left', () => {
    let state = 7;
    const draw = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const firsts: Record<string, number> = { a: 0, b: 0 };
    for (let index = 0; index < 20_000; index += 1) {
      const [first = '', ...rest] = order('weighted', [target('z', 0), target('a', 3), target('b')], { draw });
      firsts[first] = (firsts[first] ?? 0) + 1;
      expect(rest.at(-1)).toBe('z');
    }
    // Five standard deviations of 20,000 draws.
    expect(Math.abs((firsts['a'] ?? 0) / 20_000 - 0.75)).toBeLessThan(0.016);
  });

  it('by hash: the same key always the same way, and a target that goes moves only its own share', () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        const view = { draw: (item: ResolvedTarget) => hashDraw(key, item) };
        const full = order('weighted', abc, view);
        expect(order('weighted', abc, view)).toEqual(full);
        const without = order('weighted', abc.slice(1), view);
        expect(without).toEqual(full.filter((name) => name !== 'a'));
      }),
    );
  });
});

describe('affinityKey', () => {
  const long = 'many words of a long prompt '.repeat(300);
  const system = { role: 'system', content: long };
  const user = (content: string) => ({ role: 'user', content });

  it('is the same for every turn of a conversation, and another for another key, prompt or dialect', () => {
    const first = affinityKey('key_1', chatRequestOf({ messages: [system, user('a')] }));
    const later = { messages: [system, user('a'), { role: 'assistant', content: 'x' }, user('b')] };
    expect(first).not.toBeNull();
    expect(affinityKey('key_1', chatRequestOf(later))).toBe(first);
    expect(affinityKey('key_2', chatRequestOf(later))).not.toBe(first);
    expect(affinityKey('key_1', chatRequestOf({ messages: [system, user('c')] }))).not.toBe(first);
    expect(affinityKey('key_1', chatRequestOf({ system: long, messages: [user('a')] }))).not.toBeNull();
    expect(affinityKey('key_1', chatRequestOf({ instructions: long, input: 'a' }))).not.toBeNull();
  });

  it('is none for a prompt that no provider caches', () => {
    expect(affinityKey('key_1', chatRequestOf({ messages: [user('short')] }))).toBeNull();
  });
});
