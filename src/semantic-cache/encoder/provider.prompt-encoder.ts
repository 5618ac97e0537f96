import type { Identity, TargetName } from '../../core/context';
import { GatewayError, InvalidRequestError, ProviderChainError, UnpriceableError } from '../../core/errors';
import type { NanoUsd } from '../../core/money';
import type { OwnCalls } from '../../core/own-calls';
import type { JsonReply } from '../../core/reply';
import { PromptEncoder, unitVector, type Encoded } from './prompt-encoder';

export interface ProviderEncoderOptions extends TargetName {
  readonly deadlineMs: number;
  /** Told what each call has cost. */
  readonly onCost: (cost: NanoUsd) => void;
}

/** How long a call may take that nobody waits for any longer: its vector still serves whoever asks next. */
const CALL_MS = 10_000;
/** About 8,000 tokens, what OpenAI's models read at most. */
const MAX_CHARS = 8_000;

/**
 * Embeddings of any configured provider that speaks OpenAI's dialect. Prompts leave the machine, as chats do. Each text is
 * a call of its own, on account of the caller whose question it is: on record, priced, and paid from his budgets.
 */
export class ProviderPromptEncoder extends PromptEncoder {
  override readonly name: string;
  override readonly deadlineMs: number;
  private dimension: number | null = null;

  constructor(
    private readonly calls: OwnCalls,
    private readonly options: ProviderEncoderOptions,
  ) {
    super();
    this.name = `${options.provider}/${options.model}`;
    this.deadlineMs = options.deadlineMs;
  }

  override async encode(text: string, identity: Identity): Promise<Encoded> {
    if (text.length > MAX_CHARS) return 'too_long';
    const { provider, model, onCost } = this.options;
    const terms = { identity, purpose: 'cache.embeddings', timeoutMs: CALL_MS, onCost };
    try {
      const { reply } = await this.calls.embed({ ...terms, target: { provider, model }, text });
      return this.checked(vectorOf(reply));
    } catch (error) {
      if (isRefusal(error)) return 'refused';
      throw error;
    }
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

/** Nobody can be called, no vectors can be had there, or nobody may pay for them: a failure for all, which must be mended. */
const FOR_ALL = [ProviderChainError, InvalidRequestError, UnpriceableError];

/** Whether the gateway itself did not make the call, because this caller does not pay for it. */
const isRefusal = (error: unknown): boolean =>
  error instanceof GatewayError && !FOR_ALL.some((kind) => error instanceof kind);

function vectorOf({ value }: JsonReply): number[] | null {
  const [first] = Array.isArray(value['data']) ? (value['data'] as { embedding?: unknown }[]) : [];
  const embedding = first?.embedding;
  const isVector = Array.isArray(embedding) && embedding.length > 0 && embedding.every(Number.isFinite);
  return isVector ? (embedding as number[]) : null;
}
