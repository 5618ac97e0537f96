import path from 'node:path';
import { EncoderThread } from '../encoder-thread';
import { PromptEncoder, type Encoded } from '../prompt-encoder';
import { USE_LITE_NAME } from './model-files';

/** Compiled beside this file. */
const THREAD = path.join(__dirname, `use-lite.thread${path.extname(__filename)}`);

/** Universal Sentence Encoder Lite in a thread of this process: English, 128 tokens, nothing leaves the machine. */
export class UseLitePromptEncoder extends PromptEncoder {
  override readonly name = USE_LITE_NAME;
  private readonly thread: EncoderThread;

  constructor(
    override readonly deadlineMs: number,
    nowMs: () => number,
  ) {
    super();
    this.thread = new EncoderThread(THREAD, null, nowMs);
  }

  override encode(text: string): Promise<Encoded> {
    return this.thread.encode(text);
  }

  override close(): Promise<void> {
    return this.thread.close();
  }
}
