import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  ValidateIf,
} from 'class-validator';

const MAX_NAME_LENGTH = 100;
const MAX_PATTERN_LENGTH = 256;
const MAX_PATTERNS = 200;

/** PostgreSQL cannot store NUL, and the other control characters have no business in a name. */
const NO_CONTROL_CHARACTERS = /^\P{Cc}*$/u;
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** The field may be left out; null is not a value of it. */
export const MayBeAbsent = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** The field may be left out or null, which means "none". */
export const MayBeNull = (): PropertyDecorator => IsOptional();

export const IsName = (): PropertyDecorator =>
  applyDecorators(
    IsString(),
    Length(1, MAX_NAME_LENGTH),
    Matches(/\S/, { message: '$property must not be blank' }),
    Matches(NO_CONTROL_CHARACTERS, { message: '$property must not hold control characters' }),
  );

/** An id of this API, by its form; whether it exists is asked later. */
export const IsIdOf = (prefix: string, each = false): PropertyDecorator =>
  applyDecorators(
    Matches(new RegExp(`^${prefix}_[0-9a-z]{26}$`), {
      each,
      message: `$property must be an id that starts with ${prefix}_`,
    }),
  );

export const IsModelPatterns = (): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ArrayMinSize(1, { message: '$property must not be empty; write null for "no restriction"' }),
    ArrayMaxSize(MAX_PATTERNS),
    ArrayUnique(),
    IsString({ each: true }),
    Length(1, MAX_PATTERN_LENGTH, { each: true }),
    Matches(NO_CONTROL_CHARACTERS, { each: true, message: '$property must not hold control characters' }),
  );

export const IsTime = (): PropertyDecorator =>
  applyDecorators(
    IsISO8601({ strict: true }, { message: '$property must be a time that exists' }),
    Matches(RFC_3339, { message: '$property must be an RFC 3339 time with a zone, for example 2027-01-31T12:00:00Z' }),
  );

/** Yes or no in a query string. */
export const IsFlag = (): PropertyDecorator => IsIn(['true', 'false'], { message: '$property must be true or false' });

/** A number in a query string. */
export const FromText = (): PropertyDecorator => Type(() => Number);
