// The estimate behind a reservation. Its rival is the one-line estimate everybody writes: count words and symbols.
import { built, compare } from './harness.mjs';

const { estimateTokens } = built('core/tokens');

const SAMPLES = {
  prose: 'What does the quick brown fox do when the lazy dog wakes up? ',
  code: 'if (left[index] !== right[index]) { return { ok: false, at: index }; }\n',
  'one letter': 'a',
  Chinese: '请把下面这段话翻译成英文，并且保持原来的格式。',
};

for (const [label, text] of Object.entries(SAMPLES)) {
  const prompt = text.repeat(Math.ceil(50_000 / text.length));
  compare(
    `estimate 50,000 characters of ${label}`,
    () => estimateTokens(prompt),
    'matching words and symbols',
    () => prompt.match(/\w+|[^\w\s]/gu).length,
  );
}
