import type { Surface } from './prompt';
import type { Random } from './random';
import type { ScenarioProfile } from './scenario';

/** How long a model takes. Times in milliseconds at speed 1. */
export interface TimingProfile {
  /** Until the response headers of a stream, or the whole JSON answer: a lognormal distribution by two of its quantiles. */
  readonly ttftMs: { readonly p50: number; readonly p90: number };
  readonly tokensPerSecond: number;
  /** Relative spread of the pauses between events, 0 to 1. */
  readonly jitter: number;
}

/** Measured processing times of recorded exchanges (p50 and p90), for JSON answers and for the headers of streams. */
const HEADERS_MS: Readonly<Record<Surface | 'embeddings', readonly [json: Quantiles, stream: Quantiles]>> = {
  chat: [quantiles(761, 5260), quantiles(300, 839)],
  completions: [quantiles(761, 5260), quantiles(300, 839)],
  responses: [quantiles(1699, 10_472), quantiles(300, 839)],
  messages: [quantiles(2337, 8724), quantiles(1289, 2131)],
  embeddings: [quantiles(90, 196), quantiles(90, 196)],
};

interface Quantiles {
  readonly p50: number;
  readonly p90: number;
}

function quantiles(p50: number, p90: number): Quantiles {
  return { p50, p90 };
}

const SMALL_MODEL = /mini|nano|haiku|flash/;
const LARGE_MODEL = /opus|gpt-4$|gpt-4-/;
const Z_OF_P90 = 1.2816;

export function profileOf(
  surface: Surface | 'embeddings',
  model: string,
  stream: boolean,
  override: ScenarioProfile = {},
): TimingProfile {
  const [json, streamed] = HEADERS_MS[surface];
  return { ttftMs: stream ? streamed : json, tokensPerSecond: speedOf(model), jitter: 0.3, ...override };
}

function speedOf(model: string): number {
  if (SMALL_MODEL.test(model)) return 120;
  return LARGE_MODEL.test(model) ? 40 : 75;
}

/** One draw of the wait before the first byte. */
export function firstByteMs(profile: TimingProfile, random: Random): number {
  const { p50, p90 } = profile.ttftMs;
  const sigma = Math.log(Math.max(p90, p50) / Math.max(p50, 1)) / Z_OF_P90;
  return p50 * Math.exp(Math.min(Math.max(sigma * random.normal(), -3), 3));
}

/** One draw of the pause before an event that carries so many tokens. */
export function pauseMs(profile: TimingProfile, tokens: number, random: Random): number {
  const spread = 1 + profile.jitter * (2 * random.next() - 1);
  return (1000 * tokens * spread) / profile.tokensPerSecond;
}
