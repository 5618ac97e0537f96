// What the cache adds to a request that it does not answer: its key, and the words it is found by.
import { createHash } from 'node:crypto';
import { built, compare } from './harness.mjs';

const { fingerprint } = built('semantic-cache/fingerprint');
const { canonicalText } = built('semantic-cache/guard/canonical-text');
const { compareTexts } = built('semantic-cache/guard/compare');
const { signatureOf } = built('semantic-cache/guard/signature');

const secret = Buffer.alloc(32, 1);
const question = 'How can I reset the password of my router without losing the settings?';
const requestWith = (history) => ({
  dialect: 'openai',
  forwardedHeaders: {},
  document: {
    value: {
      model: 'm',
      messages: [
        { role: 'system', content: history },
        { role: 'user', content: question },
      ],
    },
  },
});

for (const bytes of [200, 20_000]) {
  const request = requestWith('x'.repeat(bytes));
  const text = JSON.stringify(request.document.value);
  compare(
    `key of a request, ${bytes} bytes of history`,
    () => fingerprint(secret, 'team:a', request),
    'SHA-256 of the body once',
    () => createHash('sha256').update(text).digest('hex'),
  );
}
compare(
  'canonical form of a question',
  () => canonicalText(question),
  'toLowerCase',
  () => question.toLowerCase(),
);
compare(
  'words of a question',
  () => signatureOf(question),
  'split',
  () => question.split(' '),
);
compare(
  'the guard on a pair',
  () => compareTexts(question, 'How do I reset the password of my router without losing the settings?').similarity,
  'comparison of texts',
  () => question.localeCompare('How do I reset'),
);
