import { applyDecorators } from '@nestjs/common';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { Decimal, Duration, Entries, FixedAtBoot, noEntries, Section } from '../platform/config/fields';
import { IsName, IsUsdAmount } from '../platform/config/validators';

export const CACHE_MODES = ['conservative', 'balanced', 'cosine'] as const;
export type CacheMode = (typeof CACHE_MODES)[number];

export const CACHE_SCOPES = ['key', 'user', 'team', 'department', 'organization'] as const;
export type CacheScope = (typeof CACHE_SCOPES)[number];

export const CACHE_INDEXES = ['memory', 'pgvector', 'redis-vectors', 'redisearch'] as const;
export type CacheIndex = (typeof CACHE_INDEXES)[number];

/** A cosine that two prompts can have, and not all have. */
const IsSimilarity = (): PropertyDecorator =>
  applyDecorators(IsNumber({ allowNaN: false, allowInfinity: false }), Min(0.01), Max(1));

/** Who turns a prompt into the vector that similar prompts are found by. */
export class CacheEmbeddingsConfig {
  /** `local`: an encoder in the gateway, the one that ships or that of `path`; nothing leaves the machine. Otherwise the name of a provider. */
  @IsName()
  provider = 'local';

  /**
   * The provider's embeddings model. Default: `text-embedding-3-small` with a provider of type `openai`; unused by `local`.
   * @example text-embedding-3-small
   */
  @IsOptional()
  @IsName()
  model?: string;

  /**
   * A folder with a sentence-embedding model to use with `local` instead of the one that ships: `model.onnx` (or
   * `onnx/model.onnx`), `tokenizer.json` and what else was exported with them. Nothing is downloaded.
   * @example /models/all-MiniLM-L6-v2
   */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  path?: string;

  /**
   * What stands before each text, for models that were trained so; with `path` only.
   * @example "query: "
   */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  prefix?: string;

  /**
   * How long a request waits for the vector of its prompt before it goes on as a miss. Default: 50 ms with `local`, 500 ms
   * with a provider.
   * @example 250ms
   */
  @Duration()
  @IsOptional()
  @Min(1)
  @Max(10_000)
  timeout?: number;
}

/** What is different for one model or alias. What is absent is as for all. */
export class CacheModelConfig {
  /**
   * As `cache.mode`.
   * @example balanced
   */
  @IsOptional()
  @IsIn(CACHE_MODES)
  mode?: CacheMode;

  /**
   * As `cache.similarity_threshold`, which is the floor: it may be raised here, not lowered.
   * @example 0.97
   */
  @IsOptional()
  @IsSimilarity()
  similarity_threshold?: number;

  /**
   * As `cache.ttl_seconds`.
   * @example 600
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(31_536_000)
  ttl_seconds?: number;
}

/** What is different for single models. */
export class CacheModelsConfig {
  /**
   * The name is what clients send as `model`.
   * @example gpt-4o
   */
  @Entries(() => CacheModelConfig)
  entries: Readonly<Record<string, CacheModelConfig>> = noEntries();
}

/** How wrong hits are measured while the cache runs. */
export class CacheShadowConfig {
  /** Share of the semantic hits that the provider is asked all the same, from 0 to 1. */
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1)
  share = 0.02;

  /**
   * What that may cost a day and replica, in USD. Absent: no hit is checked.
   * @example 1
   */
  @IsOptional()
  @Decimal()
  @IsUsdAmount()
  budget_usd_per_day?: string;
}

/** Near misses that a model judges, so that what it finds to be one question is answered as one. */
export class CacheJudgeConfig {
  /**
   * The model that is asked, by any name clients may ask for: a chat model that takes `temperature: 0`. Absent: nobody is
   * asked, and what was judged before is not used.
   * @example gpt-4o-mini
   */
  @IsOptional()
  @IsName()
  model?: string;

  /**
   * What that may cost a day and replica, in USD. Required with `model`.
   * @example 1
   */
  @IsOptional()
  @Decimal()
  @IsUsdAmount()
  budget_usd_per_day?: string;

  /** The least cosine similarity of two questions that are worth a judgement. */
  @IsSimilarity()
  min_similarity = 0.8;

  /** How long the model may take. Nobody waits for it. */
  @Duration()
  @Min(1)
  @Max(600_000)
  timeout = 10_000;
}

/** Answers that were given before, replayed for the same or a similar question. */
export class CacheConfig {
  /** Whether answers are cached. */
  @IsBoolean()
  enabled = false;

  /**
   * How similar prompts are matched. `conservative`: only when all content words, numbers and names agree; `balanced`:
   * other words for the same pass, when the encoder finds the prompts similar and no rule finds a difference in meaning;
   * `cosine`: by the encoder and `similarity_threshold` alone, which gives wrong answers to prompts that differ in one
   * word, such as "enable" and "disable". The threshold is the floor of all three.
   */
  @IsIn(CACHE_MODES)
  mode: CacheMode = 'conservative';

  /** The least cosine similarity of two prompts that share an answer, above 0 and up to 1. */
  @IsSimilarity()
  similarity_threshold = 0.95;

  /** How long an answer may be replayed, in seconds. */
  @IsInt()
  @Min(1)
  @Max(31_536_000)
  ttl_seconds = 3_600;

  /**
   * How long past its time an answer may still be given when every provider fails; the same question's only, and marked as
   * `stale-hit`. A caller may ask for less with `cache-control: stale-if-error=SECONDS`. Absent: never.
   * @example 1h
   */
  @Duration()
  @IsOptional()
  @Min(1)
  @Max(2_592_000_000)
  stale_if_error?: number;

  /** Who may be given an answer that another caller paid for. */
  @IsIn(CACHE_SCOPES)
  scope: CacheScope = 'team';

  /**
   * Where vectors are kept and compared. `memory`: in every replica, fed by Redis where there is one; `pgvector`: in the
   * gateway's PostgreSQL, which needs the extension `vector` 0.7 or newer, for more vectors than fit in memory;
   * `redis-vectors`: in the gateway's Redis, which must be 8.0 or newer, for the same; `redisearch`: there too, with the
   * query engine of Redis Stack or Redis 8, on Redis 7.0 or newer and in its database 0.
   */
  @FixedAtBoot()
  @IsIn(CACHE_INDEXES)
  index: CacheIndex = 'memory';

  /** Where embeddings come from. */
  @Section(() => CacheEmbeddingsConfig)
  embeddings: CacheEmbeddingsConfig = new CacheEmbeddingsConfig();

  /** Measures how often an answer to a similar question is wrong. */
  @Section(() => CacheShadowConfig)
  shadow: CacheShadowConfig = new CacheShadowConfig();

  /** Finds out which questions that are near have one answer. */
  @Section(() => CacheJudgeConfig)
  judge: CacheJudgeConfig = new CacheJudgeConfig();

  /** Models and aliases, by the name clients ask for, that are cached in another way. */
  @Section(() => CacheModelsConfig)
  models: CacheModelsConfig = new CacheModelsConfig();
}

/** What holds for one model. */
export interface CachePolicy {
  readonly mode: CacheMode;
  readonly threshold: number;
  readonly ttlSeconds: number;
}

export function policyFor(config: CacheConfig, model: string): CachePolicy {
  const own = config.models.entries[model];
  return {
    mode: own?.mode ?? config.mode,
    threshold: Math.max(config.similarity_threshold, own?.similarity_threshold ?? 0),
    ttlSeconds: own?.ttl_seconds ?? config.ttl_seconds,
  };
}

/** Whether prompts are compared by vectors anywhere. */
export const needsEncoder = ({ mode, models, judge }: CacheConfig): boolean =>
  judge.model !== undefined ||
  [mode, ...Object.values(models.entries).map((model) => model.mode)].some(
    (each) => each === 'balanced' || each === 'cosine',
  );
