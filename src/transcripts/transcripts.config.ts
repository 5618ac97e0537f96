import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { ListOf } from '../platform/config/fields';
import { IsName } from '../platform/config/validators';
import { IsPattern } from './pattern.validator';

/** What is recognised without a pattern of one's own. */
export const REDACTIONS = ['email_addresses', 'card_numbers', 'keys', 'ibans'] as const;
export type Redaction = (typeof REDACTIONS)[number];

const MAX_DAYS = 3_650;
const MAX_PATTERNS = 50;

/** Something that is never stored: what the pattern finds is replaced by the name in brackets. */
export class RedactionPatternConfig {
  /**
   * What stands in its place.
   * @example employee_number
   */
  @IsName()
  name!: string;

  /**
   * A regular expression of JavaScript, which tells upper case from lower. A text for which it takes too long is not stored.
   * @example \bE-\d{6}\b
   */
  @IsString()
  @IsNotEmpty()
  @MaxLength(500)
  @IsPattern()
  pattern!: string;
}

/**
 * Prompts and answers, kept for the teams that switch it on (`store_content` of a team) and for nobody else: encrypted,
 * without what is listed here, and for a time.
 */
export class TranscriptsConfig {
  /** Days until they are dropped. */
  @IsInt()
  @Min(1)
  @Max(MAX_DAYS)
  retention_days = 30;

  /** Characters kept of a prompt and of an answer; what is longer is cut, and says so. */
  @IsInt()
  @Min(256)
  @Max(1_048_576)
  max_characters = 65_536;

  /**
   * What is taken out before anything is stored. `keys` are API keys, tokens and private keys of the common forms.
   */
  @IsArray()
  @ArrayUnique()
  @IsIn(REDACTIONS, { each: true })
  redact: Redaction[] = [...REDACTIONS];

  /** More that is taken out. */
  @ListOf(() => RedactionPatternConfig)
  @ArrayMaxSize(MAX_PATTERNS)
  patterns: RedactionPatternConfig[] = [];
}
