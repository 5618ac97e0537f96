import { estimateTokens } from '../../../core/tokens';
import type { Random } from './random';

/** Short words are one token each for the estimate, so that a wanted length can be met exactly. */
const WORDS = (
  'the river runs past old stone walls and a quiet garden where people meet to talk about plans for the year they read ' +
  'letters share bread count coins mend tools plant trees watch clouds write songs learn names and walk home before dark ' +
  'with light hearts each small step adds up when many hands work on one clear goal with care and time'
).split(' ');

const OPENINGS = [
  'Voilà — here is a short answer',
  'Certainly, señor: a brief naïve sketch',
  'In a nutshell (¡claro!)',
  'Grüße! A compact answer',
  '簡単に言うと, in brief',
  'Короче говоря, to put it simply',
];

const EMOJI = ['🙂', '🚀', '🌍', '✨', '🧭', '🎯', '👩🏽‍💻'];
/** How much of a prompt or a tool result an answer quotes. */
const QUOTED_CHARACTERS = 80;

export interface ProseSubject {
  readonly topic: string;
  readonly toolResults: readonly string[];
  readonly imageCount: number;
}

/** An answer in words, with letters outside ASCII and an emoji in every one; `tokens` long when that is asked for. */
export function proseOf(subject: ProseSubject, tokens: number | null, random: Random): string {
  const opening = `${random.pick(OPENINGS)} ${random.pick(EMOJI)}${about(subject)}: `;
  return lengthen(opening, tokens ?? estimateTokens(opening) + 12 + random.below(30), random);
}

function about(subject: ProseSubject): string {
  let text = '';
  if (subject.imageCount > 0) text += ` (I see ${subject.imageCount} image${subject.imageCount === 1 ? '' : 's'})`;
  if (subject.topic !== '') text += ` on “${quote(subject.topic)}”`;
  if (subject.toolResults.length > 0)
    text += `; the tool answered ${subject.toolResults.map((result) => `“${quote(result)}”`).join(' and ')}`;
  return text;
}

const quote = (text: string): string =>
  Array.from(text.slice(0, QUOTED_CHARACTERS * 2))
    .slice(0, QUOTED_CHARACTERS)
    .join('');

/** Appends plain words until the estimate is exactly `tokens`; an opening that is longer gives way to a shorter one. */
function lengthen(opening: string, tokens: number, random: Random): string {
  const start = [opening, 'Voilà 🙂 ', '🙂 '].find((text) => estimateTokens(`${text}a`) <= tokens) ?? '';
  const missing = Math.max(1, tokens - (start === '' ? 0 : estimateTokens(start)));
  const words: string[] = [];
  for (let index = 0; index < missing; index += 1) words.push(random.pick(WORDS));
  let text = start + words.join(' ');
  while (estimateTokens(text) < tokens) text += ` ${random.pick(WORDS)}`;
  return text;
}

export function thinkingOf(prompt: string, random: Random): string {
  return lengthen(`The user asks “${quote(prompt)}” — réfléchissons 🤔. `, 24 + random.below(24), random);
}
