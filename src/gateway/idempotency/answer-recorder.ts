import type { GatewayContext } from '../../core/context';
import type { ChatReply, JsonReply, StreamEvent, StreamReply } from '../../core/reply';
import { DIALECTS } from '../dialects';
import type { StreamFormat } from '../dialects/format';
import { streamOptions } from '../stream-options';
import { MAX_ANSWER_BYTES, sentEvent, type AnswerTranscript } from './answer-transcript';

/** What came of an answer: all of it, more of it than is kept, or not the whole of it. */
export type Ending = AnswerTranscript | 'too_large' | 'broken';

const SEQUENCE_NUMBER = /"sequence_number":(\d+)/g;

/**
 * Keeps an answer in the bytes the client gets, while it gets them, and reads it to its end when the client leaves. What it
 * came to is told once, before the last piece is handed on.
 */
export class AnswerRecorder {
  private readonly pieces: Buffer[] = [];
  private length = 0;
  private ended: Promise<void> | undefined;
  private source: AsyncIterator<readonly StreamEvent[]> | undefined;
  private format: StreamFormat | undefined;
  private reply: StreamReply | undefined;

  constructor(
    private readonly context: GatewayContext,
    private readonly onEnd: (ending: Ending) => Promise<void>,
  ) {}

  /** The same answer, formatted already. */
  async record(reply: ChatReply): Promise<ChatReply> {
    return reply.kind === 'json' ? this.recordJson(reply) : this.recordStream(reply);
  }

  /** Reads what nobody else reads any more. */
  async readAlone(): Promise<void> {
    if (!this.source) return;
    try {
      while ((await this.pull()) !== null);
    } catch {
      // Told to `onEnd`; there is nobody else to tell.
    }
  }

  end(ending: Ending): Promise<void> {
    this.ended ??= this.onEnd(ending);
    return this.ended;
  }

  private async recordJson(reply: JsonReply): Promise<JsonReply> {
    const { dialect, request } = this.context;
    const asked = request?.document.value ?? {};
    const text = DIALECTS[dialect].replies.json(reply, request?.model ?? reply.model, asked);
    const raw = typeof text === 'string' ? Buffer.from(text) : text;
    this.add(raw);
    await this.end(this.complete('json', reply.warnings));
    return { ...reply, dialect, raw };
  }

  private recordStream(reply: StreamReply): StreamReply {
    const { dialect } = this.context;
    this.reply = reply;
    this.source = reply.batches[Symbol.asyncIterator]();
    this.format = DIALECTS[dialect].replies.stream(reply, streamOptions(this.context));
    const { warnings } = reply;
    return {
      kind: 'stream',
      dialect,
      model: reply.model,
      ...(warnings === undefined ? {} : { warnings }),
      batches: this.batches(),
    };
  }

  private async *batches(): AsyncGenerator<readonly StreamEvent[], void> {
    try {
      for (let batch = await this.pull(); batch !== null; batch = await this.pull()) yield batch;
    } finally {
      void this.readAlone();
    }
  }

  /** Every read goes through here, so that all of it is kept in order, whoever reads. */
  private async pull(): Promise<readonly StreamEvent[] | null> {
    const { source, format } = this;
    if (!source || !format) return null;
    try {
      const next = await source.next();
      if (next.done === true) {
        await this.end(this.complete('stream', this.reply?.warnings));
        return null;
      }
      const bytes = Buffer.concat(next.value.map((event) => Buffer.from(format.write(event) as string)));
      this.add(bytes);
      if (next.value.some(({ kind }) => kind === 'end')) await this.end(this.complete('stream', this.reply?.warnings));
      return [sentEvent(bytes, this.sequenceOf(bytes))];
    } catch (error) {
      await this.end('broken');
      throw error;
    }
  }

  private add(bytes: Buffer): void {
    this.length += bytes.length;
    if (this.length <= MAX_ANSWER_BYTES) this.pieces.push(bytes);
  }

  private complete(kind: AnswerTranscript['kind'], warnings: readonly string[] = []): Ending {
    const { served } = this.context;
    if (!served) return 'broken';
    return this.length > MAX_ANSWER_BYTES ? 'too_large' : { kind, body: Buffer.concat(this.pieces), served, warnings };
  }

  /** The Responses API counts its events: an error that follows has the next number. */
  private sequenceOf(bytes: Buffer): StreamEvent['data'] {
    if (this.context.dialect !== 'responses') return null;
    const last = [...bytes.toString('utf8').matchAll(SEQUENCE_NUMBER)].at(-1)?.[1];
    return last === undefined ? null : { sequence_number: Number(last) };
  }
}
