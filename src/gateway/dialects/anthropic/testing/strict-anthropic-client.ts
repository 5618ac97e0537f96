import type { JsonObject } from '../../../../core/chat';

export interface ReadBlock {
  readonly type: string;
  /** All deltas together. */
  text: string;
  /** As the block began. */
  readonly start: JsonObject;
}

/** The type of block each delta may stand in. */
const BLOCK_OF_DELTA: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  input_json_delta: 'tool_use',
};

/** Reads Anthropic's events as a strict client does: throws at the first one that is out of order. */
export class StrictAnthropicClient {
  readonly blocks: ReadBlock[] = [];
  stopReason: unknown;
  usage: JsonObject | undefined;
  model: unknown;
  private isOpen = false;
  private state: 'before' | 'in' | 'ending' | 'over' = 'before';

  static read(events: readonly JsonObject[]): StrictAnthropicClient {
    const client = new StrictAnthropicClient();
    for (const event of events) client.push(event);
    return client;
  }

  get isComplete(): boolean {
    return this.state === 'over';
  }

  push(event: JsonObject): void {
    const { type } = event;
    if (type === 'ping') return;
    if (type === 'message_start') return this.start(event['message'] as JsonObject);
    if (type === 'message_stop') return this.stop();
    this.require(this.state === 'in', `${String(type)} outside the message`);
    if (type === 'content_block_start') return this.open(event);
    if (type === 'content_block_delta') return this.delta(event);
    if (type === 'content_block_stop') return this.close(event);
    if (type === 'message_delta') return this.end(event);
    throw new Error(`unknown event ${String(type)}`);
  }

  private start(message: JsonObject): void {
    this.require(this.state === 'before', 'a second message_start');
    this.state = 'in';
    this.model = message['model'];
  }

  private open({ index, content_block: block }: JsonObject): void {
    this.require(!this.isOpen, 'two open blocks');
    this.require(index === this.blocks.length, `block ${String(index)} out of order`);
    this.isOpen = true;
    this.blocks.push({ type: String((block as JsonObject)['type']), text: '', start: block as JsonObject });
  }

  private delta({ index, delta }: JsonObject): void {
    const { type, text, thinking, partial_json: json } = delta as JsonObject;
    const block = this.current(index);
    this.require(BLOCK_OF_DELTA[String(type)] === block.type, `${String(type)} in a ${block.type} block`);
    block.text += String(text ?? thinking ?? json);
  }

  private close({ index }: JsonObject): void {
    this.current(index);
    this.isOpen = false;
  }

  private current(index: unknown): ReadBlock {
    const block = this.blocks.at(-1);
    if (this.isOpen && block && index === this.blocks.length - 1) return block;
    throw new Error(`block ${String(index)} is not open`);
  }

  private end({ delta, usage }: JsonObject): void {
    this.require(!this.isOpen, 'message_delta while a block is open');
    this.state = 'ending';
    this.stopReason = (delta as JsonObject)['stop_reason'];
    this.usage = usage as JsonObject;
  }

  private stop(): void {
    this.require(this.state === 'ending', 'message_stop without message_delta');
    this.state = 'over';
  }

  private require(condition: boolean, problem: string): void {
    if (!condition) throw new Error(problem);
  }
}
