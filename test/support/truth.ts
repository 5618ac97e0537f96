import type { JournalEntry } from '../../src/providers/simulator/server/journal';
import type { Simulator } from '../../src/providers/simulator/server/simulator';

/**
 * Headers that number a call. The trace goes on to the provider, whose journal keeps it, and the label is stored with the
 * request: so that what the provider has really done can be held against the rows.
 */
export const numbered = (call: number): Record<string, string> => ({
  traceparent: `00-${(call + 1).toString(16).padStart(32, '0')}-00000000000000a1-01`,
  'x-gateway-metadata': JSON.stringify({ call: String(call) }),
});

/** What the provider was asked and has billed for one numbered call, in the order in which it was asked. */
export interface Truth {
  readonly attempts: readonly JournalEntry[];
  readonly billedNanoUsd: bigint;
}

/** The simulator's journal by number of the call; `price` is of one token, in pico-dollars. */
export function truthOf(
  simulator: Simulator,
  price: { readonly input: bigint; readonly output: bigint },
): Map<number, Truth> {
  const truth = new Map<number, Truth>();
  for (const entry of simulator.journal()) {
    if (entry.traceparent === null) continue;
    const call = Number.parseInt(entry.traceparent.slice(3, 35), 16) - 1;
    const known = truth.get(call) ?? { attempts: [], billedNanoUsd: 0n };
    const { inputTokens, outputTokens } = entry;
    const billed = (BigInt(inputTokens) * price.input + BigInt(outputTokens) * price.output + 999n) / 1_000n;
    truth.set(call, { attempts: [...known.attempts, entry], billedNanoUsd: known.billedNanoUsd + billed });
  }
  return truth;
}
