// Parsing a chat body with everything the gateway refuses checked on the way, and replacing its model.
import { built, compare } from './harness.mjs';

const { JsonDocument } = built('core/json-document');

const words = 'What does the quick brown fox do when the lazy dog wakes up? ';

function bodyOf(bytes) {
  const body = { model: 'gpt-4o', stream: true, messages: [{ role: 'system', content: 'Answer briefly.' }] };
  const turns = bytes > 4096 ? 16 : 1;
  for (let turn = 0; turn < turns; turn += 1) {
    body.messages.push({ role: 'user', content: words.repeat(Math.ceil(bytes / turns / words.length)) });
  }
  return Buffer.from(JSON.stringify(body));
}

for (const [label, bytes] of [
  ['1 KB', 900],
  ['64 KB', 65_000],
]) {
  const body = bodyOf(bytes);
  compare(
    `parse ${label}, checked`,
    () => JsonDocument.parse(body),
    'JSON.parse of the text',
    () => JSON.parse(body.toString('utf8')),
  );
  const document = JsonDocument.parse(body);
  compare(
    `replace the model in ${label}`,
    () => document.withMembers({ model: 'gpt-4o-mini' }),
    'spread and JSON.stringify',
    () => Buffer.from(JSON.stringify({ ...document.value, model: 'gpt-4o-mini' })),
  );
}
