import { ArrayNotEmpty, IsBoolean, IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';
import { Duration, Entries, noEntries, Secret, Section } from '../platform/config/fields';
import { AreNames, IsBaseUrl, IsName } from '../platform/config/validators';

export const PROVIDER_TYPES = ['openai', 'anthropic', 'openai-compatible', 'simulator'] as const;
export type ProviderType = (typeof PROVIDER_TYPES)[number];

/** How long each step of a call may take. */
export class TimeoutsConfig {
  /** To open a connection, TLS included. */
  @Duration()
  @Min(1)
  @Max(600_000)
  connect = 3_000;

  /**
   * From the request to the first byte of the answer. Absent: 30 s for a stream, and `total` for a JSON answer, whose first
   * byte comes only when it is complete. When set it holds for both.
   * @example 30s
   */
  @Duration()
  @IsOptional()
  @Min(1)
  @Max(3_600_000)
  first_byte?: number;

  /** The longest silence between two pieces of a stream. */
  @Duration()
  @Min(1)
  @Max(3_600_000)
  idle = 30_000;

  /** For the whole call, the last byte included. */
  @Duration()
  @Min(1)
  @Max(86_400_000)
  total = 600_000;
}

/** One provider account. The same vendor may be configured several times under different names. */
export class ProviderConfig {
  /**
   * Which API it speaks. Default: the entry's own name, when that is one of the four. `openai-compatible` is for every
   * vendor or server that speaks OpenAI's dialect at its own `base_url`.
   * @example openai
   */
  @IsOptional()
  @IsIn(PROVIDER_TYPES)
  type!: ProviderType;

  /**
   * The provider's key, best as `${VARIABLE}`. Required for `openai` and `anthropic`, except behind a `base_url` of your own
   * with `allow_private_network`.
   * @example ${OPENAI_API_KEY}
   */
  @Secret()
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  api_key?: string;

  /**
   * Address of the API, for example `https://api.example.com/v1`. Default: the vendor's; required for `openai-compatible`.
   * `http://` and private or loopback addresses need `allow_private_network`.
   */
  @IsOptional()
  @IsBaseUrl()
  base_url?: string;

  /**
   * Models served, by the provider's own names. The position matters: with `routing.fallback: by_position` the next
   * provider serves the model at the same position of its list.
   * @example [gpt-4o, gpt-4o-mini]
   */
  @ArrayNotEmpty()
  @AreNames()
  models: string[] = [];

  /**
   * Lower is tried first. Default: the position in the file, from 1.
   * @example 1
   */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  priority!: number;

  /** Permits `http://` and private, loopback and link-local addresses for this provider. */
  @IsBoolean()
  allow_private_network = false;

  /** How long each step of a call may take. */
  @Section(() => TimeoutsConfig)
  timeouts: TimeoutsConfig = new TimeoutsConfig();

  /** Calls to this provider that one replica runs at the same time; more wait or go to the next target. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  max_concurrency = 200;

  /**
   * A name shared by providers that draw on one upstream quota, for example `org-123`: when one of them is told to slow
   * down, all of them cool down. Default: each model of each provider on its own, as the vendors count.
   */
  @IsOptional()
  @IsName()
  quota_domain?: string;
}

/**
 * The providers by name. Without any, `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` in the environment make one each, and
 * without those the simulator answers.
 */
export class ProvidersConfig {
  /**
   * The name is what responses, logs and `provider/model` call it: letters, digits, `.`, `_` and `-`.
   * @example openai
   */
  @Entries(() => ProviderConfig)
  entries: Readonly<Record<string, ProviderConfig>> = noEntries();
}
