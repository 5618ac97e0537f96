import { EncoderThread } from './encoder-thread';
import { PromptEncoder, type Encoded } from './prompt-encoder';

export interface ThreadModel {
  /** What the thread runs, and what it is told. */
  readonly file: string;
  readonly data: unknown;
  /** Absent where only the thread can tell, once it has loaded the model. */
  readonly name?: string;
  readonly deadlineMs: number;
}

/** A model that runs in a thread of this process: nothing leaves the machine. */
export class ThreadPromptEncoder extends PromptEncoder {
  override readonly deadlineMs: number;
  private readonly thread: EncoderThread;

  constructor(
    private readonly model: ThreadModel,
    nowMs: () => number,
  ) {
    super();
    this.deadlineMs = model.deadlineMs;
    this.thread = new EncoderThread(model.file, model.data, nowMs);
  }

  override get name(): string | null {
    return this.model.name ?? this.thread.name;
  }

  override encode(text: string): Promise<Encoded> {
    return this.thread.encode(text);
  }

  override close(): Promise<void> {
    return this.thread.close();
  }
}
