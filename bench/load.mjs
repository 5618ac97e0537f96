// A small load generator on raw sockets, used where the C one cannot be built. Closed loop (-c connections) or open loop
// at a constant rate (-r), where latency counts from the scheduled time, so a slow server cannot hide its queue.
// usage: node load.mjs -p PORT -b BODYFILE [-c connections | -r rate] [-d seconds] [-w warm-up seconds] [-s] [-H 'name: value']…
// Prints one JSON line; times in microseconds.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const options = { port: 0, body: '', connections: 64, rate: 0, seconds: 5, warmUp: 2, isStream: false, headers: [] };
const flags = {
  '-p': (value) => (options.port = Number(value)),
  '-b': (value) => (options.body = value),
  '-c': (value) => (options.connections = Number(value)),
  '-r': (value) => (options.rate = Number(value)),
  '-d': (value) => (options.seconds = Number(value)),
  '-w': (value) => (options.warmUp = Number(value)),
  '-H': (value) => options.headers.push(value),
};
for (let index = 2; index < process.argv.length; index += 1) {
  if (process.argv[index] === '-s') options.isStream = true;
  else flags[process.argv[index]](process.argv[(index += 1)]);
}

/** An open loop that needs more connections than this has lost: what is scheduled beyond it counts as an error. */
const MAX_CONNECTIONS = 2000;

const body = readFileSync(options.body);
const request = Buffer.concat([
  Buffer.from(
    [
      'POST /v1/chat/completions HTTP/1.1',
      `Host: 127.0.0.1:${options.port}`,
      'Content-Type: application/json',
      ...options.headers,
      `Content-Length: ${body.length}`,
      '\r\n',
    ].join('\r\n'),
  ),
  body,
]);

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const beginUs = nowUs();
const measureUs = beginUs + options.warmUp * 1e6;
const endUs = measureUs + options.seconds * 1e6;
const counts = { ok: 0, err: 0, non200: 0, chunks: 0 };
const samples = { lat: [], ttfb: [], transit: [] };
const isMeasured = (startedUs) => startedUs >= measureUs && nowUs() <= endUs;

const MARK = /@(\d{19})@/g;
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** One keep-alive connection with at most one request under way. */
class Connection {
  socket = null;
  startedUs = 0;
  isBusy = false;

  start(scheduledUs) {
    this.isBusy = true;
    this.startedUs = scheduledUs;
    this.head = null;
    this.pending = Buffer.alloc(0);
    this.firstByteUs = 0;
    this.left = -1;
    if (!this.socket || this.socket.destroyed) this.open();
    this.socket.write(request);
  }

  open() {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    socket.on('data', (chunk) => this.feed(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.socket === socket && this.isBusy) this.finish(false);
    });
    this.socket = socket;
  }

  feed(chunk) {
    if (!this.isBusy) return;
    let bytes = chunk;
    if (!this.head) {
      this.pending = Buffer.concat([this.pending, chunk]);
      const at = this.pending.indexOf(END_OF_HEAD);
      if (at < 0) return;
      this.head = this.pending.toString('latin1', 0, at).toLowerCase();
      const length = /\r\ncontent-length: *(\d+)/.exec(this.head);
      this.left = length ? Number(length[1]) : -1;
      bytes = this.pending.subarray(at + 4);
      this.tail = '';
    }
    if (bytes.length > 0) this.feedBody(bytes);
  }

  feedBody(bytes) {
    if (!this.firstByteUs) this.firstByteUs = nowUs();
    if (options.isStream && this.startedUs >= measureUs) this.countMarks(bytes);
    if (this.left >= 0) {
      this.left -= bytes.length;
      if (this.left <= 0) this.finish(true);
      return;
    }
    // Chunked: the last chunk is empty, and nothing follows it on this connection.
    this.tail = (this.tail + bytes.toString('latin1', Math.max(0, bytes.length - 7))).slice(-7);
    if (this.tail === '\r\n0\r\n\r\n') this.finish(true);
  }

  countMarks(bytes) {
    const atNs = process.hrtime.bigint();
    for (const [, mark] of bytes.toString('latin1').matchAll(MARK)) {
      counts.chunks += 1;
      samples.transit.push(Number(atNs - BigInt(mark)) / 1000);
    }
  }

  finish(isGood) {
    this.isBusy = false;
    if (isMeasured(this.startedUs)) {
      if (!isGood) counts.err += 1;
      else if (!this.head.startsWith('http/1.1 200')) counts.non200 += 1;
      else {
        counts.ok += 1;
        samples.lat.push(nowUs() - this.startedUs);
        samples.ttfb.push(this.firstByteUs - this.startedUs);
      }
    }
    if (!isGood || /\r\nconnection: *close/.test(this.head)) this.socket.destroy();
    if (options.rate > 0) idle.push(this);
    else if (nowUs() < endUs) setImmediate(() => this.start(nowUs()));
  }
}

const idle = [];
let opened = 0;

function openLoop() {
  const stepUs = 1e6 / options.rate;
  let nextUs = beginUs;
  const tick = () => {
    const now = nowUs();
    for (; nextUs <= now; nextUs += stepUs) {
      const connection = idle.pop() ?? (opened < MAX_CONNECTIONS ? ((opened += 1), new Connection()) : null);
      if (connection) connection.start(nextUs);
      else counts.err += 1;
    }
    if (now < endUs) setTimeout(tick, 0.5);
  };
  tick();
}

function summary(values) {
  values.sort((left, right) => left - right);
  const at = (quantile) => values[Math.min(values.length - 1, Math.floor(quantile * values.length))] ?? 0;
  return { n: values.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

if (options.rate > 0) openLoop();
else for (let index = 0; index < options.connections; index += 1) new Connection().start(nowUs());

setTimeout(
  () => {
    process.stdout.write(
      `${JSON.stringify({
        mode: options.rate > 0 ? 'open' : 'closed',
        secs: options.seconds,
        ...counts,
        rps: counts.ok / options.seconds,
        chunks_s: counts.chunks / options.seconds,
        lat: summary(samples.lat),
        ttfb: summary(samples.ttfb),
        transit: summary(samples.transit),
      })}\n`,
      () => process.exit(0),
    );
  },
  (endUs - nowUs()) / 1000,
);
