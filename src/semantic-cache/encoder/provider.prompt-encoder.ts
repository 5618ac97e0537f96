import { EmbeddingsRequest } from '../../core/embeddings';
import { JsonDocument } from '../../core/json-document';
import type { JsonReply } from '../../core/reply';
import type { ProviderRegistry } from '../../providers';
import { PromptEncoder, unitVector, type Encoded } from './prompt-encoder';

export interface ProviderEncoderOptions {
  readonly provider: string;
  readonly model: string;
  readonly deadlineMs: number;
  /** Told what each call has read. */
  readonly onTokens: (tokens: number) => void;
}

/** How long a call may take that nobody waits for any longer: its vector still serves whoever asks next. */
const CALL_MS = 10_000;
/** About 8,000 tokens, what OpenAI's models read at most. */
const MAX_CHARS = 8_000;

/** Embeddings of any configured provider that speaks OpenAI's dialect. Prompts leave the machine, as chats do. */
export class ProviderPromptEncoder extends PromptEncoder {
  override readonly name: string;
  override readonly deadlineMs: number;
  private dimension: number | null = null;

  constructor(
    private readonly registry: ProviderRegistry,
    private readonly options: ProviderEncoderOptions,
  ) {
    super();
    this.name = `${options.provider}/${options.model}`;
    this.deadlineMs = options.deadlineMs;
  }

  override async encode(text: string): Promise<Encoded> {
    if (text.length > MAX_CHARS) return 'too_long';
    const { provider, model } = this.options;
    const adapter = this.registry.providers.find(({ name }) => name === provider);
    if (!adapter) throw new Error(`no provider is named "${provider}"`);
    const reply = await adapter.chat({
      request: requestFor(model, text),
      model,
      signal: AbortSignal.timeout(CALL_MS),
      remainingMs: CALL_MS,
    });
    if (reply.kind !== 'json') throw new Error(`${this.name} answered embeddings with a stream`);
    this.options.onTokens(reply.usage?.inputTokens ?? 0);
    return this.checked(vectorOf(reply));
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  /** All vectors have the dimension of the first: others cannot be compared with them. */
  private checked(values: readonly number[] | null): Float32Array {
    const vector = values && unitVector(values);
    if (!vector) throw new Error(`${this.name} answered with no vector; is it an embeddings model?`);
    this.dimension ??= vector.length;
    if (vector.length === this.dimension) return vector;
    throw new Error(
      `${this.name} answered with a vector of ${vector.length} dimensions where it gave ${this.dimension} before; its vectors cannot be compared. Restart the gateway if the model has been replaced`,
    );
  }
}

const requestFor = (model: string, text: string): EmbeddingsRequest =>
  new EmbeddingsRequest({
    dialect: 'embeddings',
    document: JsonDocument.of({ model, input: text, encoding_format: 'float' }),
    model,
    stream: false,
    includeUsage: false,
    maxOutputTokens: 0,
    choices: 1,
    forwardedHeaders: {},
  });

function vectorOf({ value }: JsonReply): number[] | null {
  const [first] = Array.isArray(value['data']) ? (value['data'] as { embedding?: unknown }[]) : [];
  const embedding = first?.embedding;
  const isVector = Array.isArray(embedding) && embedding.length > 0 && embedding.every(Number.isFinite);
  return isVector ? (embedding as number[]) : null;
}
