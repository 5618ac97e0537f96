import type { AttemptOutcome } from '../core/context';
import { estimateTokens } from '../core/tokens';
import type { ModelPrice } from './model-price';
import { ManualClock } from './testing/manual-clock';
import { event, outcome, usageOf } from './testing/usage-fixtures';
import { UsageMeter, type Settlement } from './usage-meter';

/** One nano-dollar for a prompt token, a thousand for an answer token. */
const PRICE: ModelPrice = {
  id: 'x',
  source: 'catalogue',
  tiers: [
    {
      aboveInputTokens: -1,
      input: 1_000n,
      cacheRead: 1_000n,
      cacheWrite5m: 1_000n,
      cacheWrite1h: 1_000n,
      inputAudio: 1_000n,
      inputImage: 1_000n,
      output: 1_000_000n,
      reasoning: 1_000_000n,
      outputAudio: 1_000_000n,
      outputImage: 1_000_000n,
    },
  ],
  webSearch: 0n,
  request: 0n,
};

const TEXT = 'The quick brown fox jumps over the lazy dog. ';

describe('UsageMeter', () => {
  let clock: ManualClock;
  let settlements: Settlement[];
  let meter: UsageMeter;

  beforeEach(() => {
    clock = new ManualClock();
    settlements = [];
    meter = new UsageMeter({
      id: 'att_1',
      target: { provider: 'openai', model: 'gpt-4o' },
      price: PRICE,
      monotonic: () => clock.monotonic(),
      estimatedInputTokens: () => 50,
      onSettled: (_meter, settlement) => settlements.push(settlement),
    });
  });

  it('charges what the provider says', () => {
    meter.observe(event({ text: TEXT.repeat(10) }));
    meter.observe(event({ kind: 'usage', usage: usageOf(40, 7) }));
    meter.settle(outcome({ usage: usageOf(40, 7) }));
    expect(meter.settled()).toMatchObject({ source: 'provider', usage: usageOf(40, 7), costNanoUsd: 7_040n });
    expect(meter.cost()).toBe(7_040n);
  });

  it('counts what arrived when the provider never says', () => {
    meter.observe(event({ text: TEXT }));
    meter.settle(outcome({ status: 'aborted' }));
    expect(meter.settled()).toMatchObject({ source: 'counted', usage: usageOf(50, estimateTokens(TEXT)) });
  });

  it('takes the interim figures of a broken stream for the prompt and counts the answer', () => {
    meter.observe(event({ kind: 'lifecycle', usage: usageOf(33, 1) }));
    meter.observe(event({ text: TEXT }));
    meter.settle(outcome({ status: 'aborted', usage: usageOf(33, 1) }));
    expect(meter.settled()).toMatchObject({ source: 'counted', usage: usageOf(33, estimateTokens(TEXT)) });
  });

  it('keeps the final figures of a stream whose client left after them', () => {
    meter.observe(event({ text: TEXT.repeat(5) }));
    meter.observe(event({ kind: 'usage', usage: usageOf(33, 4) }));
    meter.settle(outcome({ status: 'aborted' }));
    expect(meter.settled()).toMatchObject({ source: 'provider', usage: usageOf(33, 4) });
  });

  it.each<[string, Partial<AttemptOutcome>, bigint]>([
    ['is free when the provider cannot have worked', { status: 'failed', billable: false }, 0n],
    ['costs the prompt when the provider may have worked', { status: 'failed', billable: true }, 50n],
    ['costs the prompt when it succeeded without a word', { status: 'succeeded', billable: false }, 50n],
  ])('%s', (_name, changes, cost) => {
    meter.settle(outcome(changes));
    expect(meter.cost()).toBe(cost);
  });

  it('is settled once', () => {
    meter.settle(outcome({ usage: usageOf(1, 0) }));
    meter.settle(outcome({ usage: usageOf(1_000, 0) }));
    meter.observe(event({ text: TEXT, usage: usageOf(9, 9) }));
    expect(settlements.length).toBe(1);
    expect(meter.cost()).toBe(1n);
  });

  it('tells the cost while the answer runs', () => {
    expect(meter.cost()).toBe(0n);
    meter.observe(event({ text: TEXT }));
    expect(meter.cost()).toBe(50n + BigInt(estimateTokens(TEXT)) * 1_000n);
    meter.observe(event({ kind: 'usage', usage: usageOf(10, 2) }));
    expect(meter.cost()).toBe(2_010n);
  });

  it('holds what a running answer costs in the tier that was asked for against what was reserved', () => {
    const [tier] = PRICE.tiers;
    const dearer = [{ ...tier, output: 4_000_000n }] as const;
    const overrun = (askedServiceTier?: string): boolean => {
      const running = new UsageMeter({
        id: 'att_2',
        target: { provider: 'openai', model: 'gpt-4o' },
        price: { ...PRICE, serviceTiers: { priority: dearer } },
        reservedNanoUsd: 150_000n,
        askedServiceTier,
        monotonic: () => clock.monotonic(),
        estimatedInputTokens: () => 50,
        onSettled: () => undefined,
      });
      running.observe(event({ text: TEXT, usage: usageOf(50, 100) }));
      return running.isOverrun();
    };
    expect(overrun()).toBe(false);
    expect(overrun('priority')).toBe(true);
  });

  it('measures to the first content and to the end', () => {
    clock.advance(120);
    meter.observe(event({ kind: 'lifecycle' }));
    clock.advance(30);
    meter.observe(event({ text: 'a' }));
    clock.advance(50);
    meter.settle(outcome());
    expect(meter.settled()).toMatchObject({ ttfbMs: 150, latencyMs: 200 });
  });

  it('holds a bounded amount of text and still counts it all', () => {
    const chunk = TEXT.repeat(500);
    for (let index = 0; index < 60; index += 1) meter.observe(event({ text: chunk }));
    const held = (meter as unknown as { text: string }).text.length;
    expect(held).toBeLessThanOrEqual(256 * 1024 + chunk.length);
    meter.settle(outcome({ status: 'aborted' }));
    const counted = meter.settled()?.usage.outputTokens ?? 0;
    const exact = estimateTokens(chunk.repeat(60));
    // Each fold rounds up once.
    expect(counted - exact).toBeGreaterThanOrEqual(0);
    expect(counted - exact).toBeLessThanOrEqual(8);
    expect((meter as unknown as { text: string }).text).toBe('');
  });
});
