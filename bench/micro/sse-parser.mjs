// Cutting a provider's stream into events, each with its exact bytes; the rival decodes, splits and keeps no bytes.
import { built, compare } from './harness.mjs';

const { SseParser, formatSse } = built('core/sse-parser');

const chunk = (content) =>
  formatSse(
    null,
    JSON.stringify({
      id: 'chatcmpl-BvQmYc9ZkWJH0T2nPqLrXsUeIaGdF',
      object: 'chat.completion.chunk',
      created: 1_760_000_000,
      model: 'gpt-4o-mini-2024-07-18',
      choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
    }),
  );
const stream = Buffer.from(
  `${Array.from({ length: 40 }, (_, index) => chunk(` word${index}`)).join('')}data: [DONE]\n\n`,
);

function cut(bytes) {
  const packets = [];
  for (let at = 0; at < stream.length; at += bytes) packets.push(stream.subarray(at, at + bytes));
  return packets;
}

function naive(packets) {
  const decoder = new TextDecoder();
  let rest = '';
  let count = 0;
  for (const packet of packets) {
    const blocks = (rest + decoder.decode(packet, { stream: true })).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) if (block.startsWith('data: ') && block.slice(6) !== '') count += 1;
  }
  return count;
}

for (const [label, packets] of [
  ['one packet an event', cut(Math.ceil(stream.length / 41))],
  ['all in one packet', cut(stream.length)],
  ['packets of 16 bytes', cut(16)],
]) {
  compare(
    `40 events, ${label}`,
    () => {
      const parser = new SseParser();
      let count = 0;
      for (const packet of packets) count += parser.push(packet).length;
      return count;
    },
    'TextDecoder and split',
    () => naive(packets),
  );
}
