// An OpenAI chat completions upstream for load runs, used where no C compiler or no C tools are at hand.
// usage: node mock-upstream.mjs PORT [-n chunks] [-i interval_us] [-s body_bytes]
// A request overrides them with a word "mock-n<chunks>-i<us>-s<bytes>" anywhere in its body. Each chunk's content is
// "@<monotonic ns, 19 digits>@", by which the load generator tells how long the chunk was under way.
import { createServer } from 'node:http';

const FLAGS = { '-n': 'chunks', '-i': 'intervalUs', '-s': 'bodyBytes', '-d': 'delayUs' };
const settings = { chunks: 40, intervalUs: 0, bodyBytes: 700, delayUs: 0 };
const [port, ...rest] = process.argv.slice(2);
for (let index = 0; index < rest.length; index += 2) {
  const name = FLAGS[rest[index]];
  if (!name) throw new Error(`Unknown flag ${rest[index]}; known: ${Object.keys(FLAGS).join(' ')}`);
  settings[name] = Number(rest[index + 1]);
}

const ID = 'chatcmpl-BvQmYc9ZkWJH0T2nPqLrXsUeIaGdF';
const MODEL = 'gpt-4o-mini-2024-07-18';
const HEADERS = {
  'x-request-id': 'req_4f1a7be1c9f94e0d8f2ab1d2b8d3a1c7',
  'openai-processing-ms': '1',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
};

const sentence = 'The quick brown fox jumps over the lazy dog. ';
const answers = new Map();

/** A complete answer with `bytes` of text. The few sizes a run asks for are kept. */
function answerOf(bytes) {
  const known = answers.get(bytes);
  if (known) return known;
  const content = sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
  const made = Buffer.from(
    JSON.stringify({
      id: ID,
      object: 'chat.completion',
      created: 1_760_000_000,
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 180, completion_tokens: 150, total_tokens: 330 },
    }),
  );
  if (answers.size < 16) answers.set(bytes, made);
  return made;
}

const event = (choices, usage) =>
  `data: ${JSON.stringify({ id: ID, object: 'chat.completion.chunk', created: 1_760_000_000, model: MODEL, choices, usage })}\n\n`;
const TAIL = `${event([{ index: 0, delta: {}, finish_reason: 'stop' }], null)}${event([], {
  prompt_tokens: 180,
  completion_tokens: 40,
  total_tokens: 220,
})}data: [DONE]\n\n`;
const [CHUNK_HEAD, CHUNK_TAIL] = event([{ index: 0, delta: { content: '@@@' }, finish_reason: null }], null).split(
  '@@@',
);
const chunk = () => `${CHUNK_HEAD}@${process.hrtime.bigint().toString().padStart(19, '0')}@${CHUNK_TAIL}`;

const pause = (microseconds) => new Promise((resolve) => setTimeout(resolve, microseconds / 1000));

async function stream(response, wanted) {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    ...HEADERS,
  });
  for (let sent = 0; sent < wanted.chunks && !response.destroyed; sent += 1) {
    if (sent > 0 && wanted.intervalUs > 0) await pause(wanted.intervalUs);
    if (!response.write(chunk()))
      await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  }
  response.end(TAIL);
}

function wantedBy(body) {
  const wanted = { ...settings };
  const word = /mock-[-a-z0-9]*/.exec(body)?.[0] ?? '';
  for (const [, flag, value] of word.matchAll(/-([nisd])(\d+)/g)) wanted[FLAGS[`-${flag}`]] = Number(value);
  return wanted;
}

async function answer(body, response) {
  const wanted = wantedBy(body);
  if (wanted.delayUs > 0) await pause(wanted.delayUs);
  if (/"stream"\s*:\s*true/.test(body)) return stream(response, wanted);
  const complete = answerOf(wanted.bodyBytes);
  return response
    .writeHead(200, { 'content-type': 'application/json', 'content-length': complete.length, ...HEADERS })
    .end(complete);
}

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => void answer(Buffer.concat(parts).toString('latin1'), response));
}).listen(Number(port), '127.0.0.1', () => process.stderr.write(`mock on ${port}\n`));
