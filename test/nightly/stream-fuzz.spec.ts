import { Session, type Profiler } from 'node:inspector/promises';
import { Random } from '../../src/providers/simulator/server/random';
import { fixturesOf } from '../support/fixtures';
import { guarantee } from '../support/guarantee';
import { mutated, sliced, transcriptOf, WAYS } from '../support/stream-fuzz';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1_200);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_000);
/** Asking for the coverage costs more than an input: it is asked for after so many. */
const BATCH = 25;
const CORPUS_CAP = 2_000;
const MAX_SEED_BYTES = 20_000;
const COVERED = /\/src\/(core|providers|gateway\/dialects)\//;

jest.setTimeout((SECONDS + 300) * 1000);

/** A stream of each dialect, for a machine without recordings. */
const WRITTEN = [
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\ndata: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Grüße 👋🏽","reasoning_content":"hm"},"finish_reason":null}]}\n\ndata: {"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},"finish_reason":null}]}\n\ndata: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\ndata: [DONE]\n\n',
  'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":5,"output_tokens":1}}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: ping\ndata: {"type": "ping"}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Grüße"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":2}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
  'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"m","output":[]}}\n\nevent: response.output_item.added\ndata: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}\n\nevent: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Grüße"}\n\nevent: response.completed\ndata: {"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","object":"response","status":"completed","model":"m","output":[],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}}\n\n',
];

function seeds(): Buffer[] {
  const recorded = ['/v1/chat/completions', '/v1/messages', '/v1/responses'].flatMap((endpoint) =>
    fixturesOf(endpoint).flatMap(({ response }) => (response.sse === null ? [] : [response.sse])),
  );
  return [...WRITTEN, ...recorded].map((text) => Buffer.from(text)).filter(({ length }) => length <= MAX_SEED_BYTES);
}

/** Which pieces of code have run so far: an input that runs a new one is worth changing further. */
class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  async start(): Promise<void> {
    this.session.connect();
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** How many pieces have run for the first time. */
  async news(): Promise<number> {
    const { result } = (await this.session.post(
      'Profiler.takePreciseCoverage',
    )) as Profiler.TakePreciseCoverageReturnType;
    const before = this.seen.size;
    for (const { url, functions } of result) {
      if (!COVERED.test(url)) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) this.seen.add(`${url}:${startOffset}:${endOffset}`);
    }
    return this.seen.size - before;
  }

  get size(): number {
    return this.seen.size;
  }

  stop(): void {
    this.session.disconnect();
  }
}

it('changed streams give the same answer however they are cut, and never more than an error', async () => {
  const chance = new Random(SEED);
  const random = (below: number): number => chance.below(below);
  const corpus = seeds();
  const coverage = new Coverage();
  await coverage.start();
  await coverage.news();
  const deadline = performance.now() + SECONDS * 1000;
  let inputs = 0;
  let kept = 0;
  while (performance.now() < deadline) {
    const batch: Buffer[] = [];
    for (let index = 0; index < BATCH; index += 1) {
      const parent = corpus[random(corpus.length)] ?? Buffer.alloc(0);
      const other = corpus[random(corpus.length)] ?? Buffer.alloc(0);
      const input = mutated(parent, other, random);
      batch.push(input);
      inputs += 1;
      const cuts = Array.from({ length: 1 + random(30) }, () => random(input.length + 1));
      // Byte by byte where that is affordable.
      const all = random(20) === 0 && input.length < 5_000 ? Array.from(input, (_, place) => place) : cuts;
      for (const way of WAYS) {
        const name = `${way.name}, seed ${SEED}, input ${inputs}: ${JSON.stringify(input.toString('latin1')).slice(0, 3_000)}`;
        try {
          const whole = await transcriptOf(way, [input]);
          if ((await transcriptOf(way, sliced(input, all))) !== whole) throw new Error('another answer when cut');
        } catch (error) {
          throw new Error(`${name}\n${error instanceof Error ? error.stack : String(error)}`, { cause: error });
        }
      }
    }
    if ((await coverage.news()) === 0) continue;
    kept += batch.length;
    corpus.push(...batch.filter(({ length }) => length <= MAX_SEED_BYTES));
    if (corpus.length > CORPUS_CAP) corpus.splice(WRITTEN.length, corpus.length - CORPUS_CAP);
  }
  coverage.stop();
  expect(inputs).toBeGreaterThan(0);
  guarantee(
    'UPS-7',
    `fuzz of ${SECONDS} s: ${inputs} changed streams over ${WAYS.length} ways, ${coverage.size} pieces of code, ${kept} inputs kept: the same however cut, 0 uncaught`,
    SEED,
  );
});

it('the work grows with the bytes and not with their square', async () => {
  const bytesPerMs: string[] = [];
  for (const [name, unit] of [
    ['one event', 'data: x\n'],
    ['bytes of one line', 'x'],
    ['line ends', '\r\n'],
    ['small events', 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'],
  ] as const) {
    const times: number[] = [];
    for (const size of [50_000, 400_000]) {
      const bytes = Buffer.from(unit.repeat(Math.ceil(size / unit.length)));
      const cuts = Array.from({ length: size / 50 }, (_, index) => index * 50);
      const startedAt = process.cpuUsage().user;
      await transcriptOf(WAYS[0]!, sliced(bytes, cuts));
      times.push(Math.max(1, process.cpuUsage().user - startedAt));
    }
    const [small = 1, large = 1] = times;
    bytesPerMs.push(`${name} ${(large / small).toFixed(1)}`);
    // Eight times the bytes: a square would be 64 times the work.
    expect([name, large / small < 40 || large < 200_000]).toEqual([name, true]);
  }
  process.stdout.write(`work for 8 times the bytes: ${bytesPerMs.join(', ')}\n`);
});
