import { APPLICATIONS, type DemoApplication } from './seed-demo.company';

/** One call of an application, at its time. */
export interface DemoCall {
  readonly application: DemoApplication;
  readonly atMs: number;
  readonly model: string;
  readonly prompt: string;
  readonly stream: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** At the beginning of the history there was this part of today's traffic. */
const FIRST_SHARE = 0.35;
/** Per thousand, whoever is asked: an outage, a request that is refused, and a busy moment. */
const FAULTS = [
  [3, '[[fault:503]]'],
  [8, '[[fault:400]]'],
  [12, '[[fault:429,retry-after=1]]'],
] as const;
/** One provider fails, so that another answers. */
export const BAD_MOMENTS = [
  { match: { prefix: 'openai' }, fault: '503', rate: 0.015 },
  { match: { prefix: 'anthropic' }, fault: '529', rate: 0.02 },
] as const;
const WORDS =
  'order invoice delivery account refund contract sensor region forecast customer warranty chapter release'.split(' ');

/** Numbers that are the same in every run: a small generator is enough for a demonstration (xorshift32). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The calls of one day (UTC), in order. `share`: how far the history is, from 0 to 1. */
export function callsOfDay(dayMs: number, share: number, random: () => number): DemoCall[] {
  const weekday = new Date(dayMs).getUTCDay();
  // The last day is always one on which people work: there should be something to see.
  const isFree = share < 1 && (weekday === 0 || weekday === 6);
  const growth = FIRST_SHARE + (1 - FIRST_SHARE) * share;
  const calls = APPLICATIONS.flatMap((application) => {
    const quiet = isFree && application.nightly !== true ? 0.2 : 1;
    const count = Math.round(application.daily * growth * quiet * (0.75 + random() / 2));
    return Array.from({ length: count }, () => callOf(application, dayMs, random));
  });
  return calls.sort((left, right) => left.atMs - right.atMs);
}

function callOf(application: DemoApplication, dayMs: number, random: () => number): DemoCall {
  const { models, streams, tokens, questions } = application;
  const [input, output] = tokens;
  // Some questions are asked again and again.
  const question = Math.floor(questions * random() ** 2);
  const words = numbersFrom(question + application.name.length * 7919);
  const length = Math.round(input * (0.5 + words()));
  const text = Array.from({ length }, () => WORDS[Math.floor(words() * WORDS.length)] ?? '').join(' ');
  const answer = Math.max(8, Math.round(output * (0.5 + words())));
  const chance = random() * 1000;
  const fault = FAULTS.find(([below]) => chance < below)?.[1] ?? '';
  return {
    application,
    atMs: dayMs + momentOf(application, random),
    model: models[Math.floor(random() * models.length)] ?? '',
    prompt: `${fault}[[tokens:${answer}]] ${application.name}, question ${question}: ${text}`,
    stream: streams && random() < 0.9,
  };
}

/** Office hours with a lunch break for people, the small hours for jobs. */
function momentOf({ nightly }: DemoApplication, random: () => number): number {
  if (nightly === true) return (2 + random() * 1.5) * HOUR_MS;
  const hour = random() < 0.15 ? random() * 24 : 7 + ((random() + random() + random()) / 3) * 13;
  return Math.min(hour * HOUR_MS, DAY_MS - 1);
}
