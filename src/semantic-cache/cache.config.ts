import { IsBoolean, IsIn, IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';
import { Section } from '../platform/config/fields';
import { IsName } from '../platform/config/validators';

export const CACHE_MODES = ['conservative', 'balanced', 'cosine'] as const;
export type CacheMode = (typeof CACHE_MODES)[number];

export const CACHE_SCOPES = ['key', 'user', 'team', 'department', 'organization'] as const;
export type CacheScope = (typeof CACHE_SCOPES)[number];

/** Who turns a prompt into the vector that similar prompts are found by. */
export class CacheEmbeddingsConfig {
  /** `local`: the encoder that ships with the gateway, nothing leaves the machine. Otherwise the name of a provider. */
  @IsName()
  provider = 'local';

  /**
   * The provider's embeddings model. Default: `text-embedding-3-small` with a provider of type `openai`; unused by `local`.
   * @example text-embedding-3-small
   */
  @IsOptional()
  @IsName()
  model?: string;
}

/** Answers that were given before, replayed for the same or a similar question. */
export class CacheConfig {
  /** Whether answers are cached. */
  @IsBoolean()
  enabled = false;

  /**
   * How similar prompts are matched. `conservative`: only when all content words, numbers and names agree; `balanced`:
   * small differences pass; `cosine`: by `similarity_threshold` alone. The threshold is the floor of all three.
   */
  @IsIn(CACHE_MODES)
  mode: CacheMode = 'conservative';

  /** The least cosine similarity of two prompts that share an answer, above 0 and up to 1. */
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0.01)
  @Max(1)
  similarity_threshold = 0.95;

  /** How long an answer may be replayed, in seconds. */
  @IsInt()
  @Min(1)
  @Max(31_536_000)
  ttl_seconds = 3_600;

  /** Who may be given an answer that another caller paid for. */
  @IsIn(CACHE_SCOPES)
  scope: CacheScope = 'team';

  /** Where embeddings come from. */
  @Section(() => CacheEmbeddingsConfig)
  embeddings: CacheEmbeddingsConfig = new CacheEmbeddingsConfig();
}
