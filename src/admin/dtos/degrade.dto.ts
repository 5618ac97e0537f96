import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsNumber, Max, Min } from 'class-validator';
import { whyNoLadder, type Degradation } from '../../billing';
import { InvalidRequestError } from '../../core/errors';
import { IsName, MayBeAbsent } from './fields';

function IsShare(): PropertyDecorator {
  return (target, property) => {
    MayBeAbsent()(target, property);
    IsNumber()(target, property);
    Min(0.01)(target, property);
    Max(10)(target, property);
  };
}

/** What changes before a budget is used up, by the share of the limit that is spent. What is left out never comes. */
export class DegradeDto {
  @ApiPropertyOptional({ example: 0.7, description: 'The trace of each request says so.' })
  @IsShare()
  warn_at?: number;

  @ApiPropertyOptional({ example: 0.8, description: 'Chat calls are answered by `cheaper_model`.' })
  @IsShare()
  cheaper_at?: number;

  @ApiPropertyOptional({ example: 'gpt-4o-mini', description: 'A model that clients may ask for.' })
  @MayBeAbsent()
  @IsName()
  cheaper_model?: string;

  @ApiPropertyOptional({ example: 0.95, description: 'Only answers from the cache are given.' })
  @IsShare()
  cache_only_at?: number;

  @ApiPropertyOptional({ example: 1, description: 'Every call is refused, cached answers included.' })
  @IsShare()
  block_at?: number;
}

/** Throws `InvalidRequestError` for steps out of order. */
export function toDegradation(dto: DegradeDto | null): Degradation | null {
  if (dto === null) return null;
  const steps = JSON.parse(JSON.stringify(dto)) as Degradation;
  const wrong = whyNoLadder(steps);
  if (wrong) throw new InvalidRequestError(`degrade.${wrong.field} ${wrong.message}.`, `degrade.${wrong.field}`);
  return steps;
}
