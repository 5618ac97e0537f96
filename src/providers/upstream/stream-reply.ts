import type { Dialect } from '../../core/chat';
import type { StreamEvent, StreamReply } from '../../core/reply';
import type { StreamReader } from './read-reply';

/** A reader that learns from the stream which model answers. */
export type ModelReader = StreamReader & { readonly model: string | null };

/** A provider's streamed answer. Until the stream names its model, it is the one that was asked for. */
export class ProviderStreamReply implements StreamReply {
  readonly kind = 'stream';

  constructor(
    readonly dialect: Dialect,
    private readonly askedModel: string,
    private readonly reader: ModelReader,
    readonly batches: AsyncIterable<readonly StreamEvent[]>,
    readonly warnings: readonly string[] | undefined,
  ) {}

  get model(): string {
    return this.reader.model ?? this.askedModel;
  }
}
