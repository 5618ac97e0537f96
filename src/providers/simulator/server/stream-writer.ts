import { estimateTokens } from '../../../core/tokens';
import type { Call } from './call';
import type { FaultPlan } from './faults';
import type { Frame, PreparedReply } from './frame';

/** Milliseconds to wait before an event with this text; null: all events may leave together. */
export type Pacing = ((piece: string) => number) | null;

/** Sends a stream, with whatever is planned to go wrong in it. The head must not have been written. */
export class StreamWriter {
  private generated = '';
  private contentEvents = 0;
  private failed = false;

  constructor(
    private readonly call: Call,
    private readonly reply: PreparedReply,
    private readonly plan: FaultPlan,
    private readonly pacing: Pacing,
  ) {}

  async send(contentType: string): Promise<void> {
    const { call, plan } = this;
    call.writeHead(200, contentType, { 'cache-control': 'no-cache' });
    if (plan.reply === 'hang-after-headers') {
      call.response.flushHeaders();
      await call.untilClosed();
      return;
    }
    if (plan.reply === 'error-first') {
      await this.put(this.reply.errorWire(0));
      call.endEarly();
      return;
    }
    const frames = withDuplicate(this.reply.frames(), plan);
    if (this.canJoin()) this.sendJoined(frames);
    else await this.sendOneByOne(frames);
  }

  private canJoin(): boolean {
    return this.pacing === null && this.plan.stream === null && this.plan.slowMs === 0 && this.plan.splitBytes === 0;
  }

  private sendJoined(frames: readonly Frame[]): void {
    let text = '';
    for (const frame of frames) text += frame.wire;
    this.call.entry.outputTokens = this.reply.outputTokens;
    this.call.finish(this.encode(text));
  }

  private async sendOneByOne(frames: readonly Frame[]): Promise<void> {
    const { call } = this;
    call.response.flushHeaders();
    for (const [index, frame] of frames.entries()) {
      if (this.isDue(frame) && !(await this.fail(frame, index))) return;
      if (!(await call.sleep(this.waitFor(frame)))) return;
      if (index === frames.length - 1) call.entry.outputTokens = this.reply.outputTokens;
      else this.bill(frame);
      if (!(await this.put(frame.wire))) return;
    }
    call.finish();
  }

  private waitFor(frame: Frame): number {
    if (this.plan.slowMs > 0) return this.plan.slowMs;
    return this.pacing === null || frame.piece === '' ? 0 : this.pacing(frame.piece);
  }

  /** A stream that ends here has cost this much. */
  private bill(frame: Frame): void {
    if (frame.piece === '') return;
    this.contentEvents += 1;
    this.generated += frame.piece;
    const tokens = this.reply.headTokens + estimateTokens(this.generated);
    this.call.entry.outputTokens = Math.min(tokens, this.reply.outputTokens);
  }

  /** The planned end comes before the first event after the N-th with content. */
  private isDue(frame: Frame): boolean {
    const { stream } = this.plan;
    if (stream === null || this.failed || this.contentEvents < stream.after) return false;
    return stream.after > 0 || frame.piece !== '';
  }

  /** True when the stream goes on afterwards. */
  private async fail(next: Frame, eventsSent: number): Promise<boolean> {
    const { call } = this;
    this.failed = true;
    const kind = this.plan.stream?.kind;
    // What follows a broken line is in order: a reader that skips the line must not take the whole for complete.
    if (kind === 'malformed-after') return this.put(this.reply.malformedWire);
    if (kind === 'hang-after') {
      await call.untilClosed();
      return false;
    }
    if (kind === 'cut-after') {
      // What was written before should arrive: it may still be in the socket's buffer.
      if (await call.sleep(5)) call.destroy();
      return false;
    }
    if (kind === 'error-after') await this.put(this.reply.errorWire(eventsSent));
    if (kind === 'half-event-after') await this.put(next.wire.slice(0, Math.ceil(next.wire.length / 2)));
    call.endEarly();
    return false;
  }

  private async put(wire: string): Promise<boolean> {
    const bytes = this.encode(wire);
    if (this.plan.splitBytes === 0) return this.call.write(bytes);
    for (let start = 0; start < bytes.length; start += this.plan.splitBytes) {
      if (!(await this.call.write(bytes.subarray(start, start + this.plan.splitBytes)))) return false;
      // A turn of the event loop between slices, so that they leave as packets of their own.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return !this.call.closed;
  }

  private encode(wire: string): Buffer {
    return Buffer.from(this.plan.crlf ? wire.replaceAll('\n', '\r\n') : wire);
  }
}

function withDuplicate(frames: readonly Frame[], plan: FaultPlan): readonly Frame[] {
  const [first, ...rest] = frames;
  return plan.duplicateStart && first !== undefined ? [first, first, ...rest] : frames;
}
