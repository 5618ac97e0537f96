import { ApiPropertyOptional } from '@nestjs/swagger';
import { InvalidRequestError } from '../../core/errors';
import { IsTime, MayBeAbsent } from './fields';
import { PageQueryDto } from './page.dto';

/** Which part of a list of what happened is wanted. */
export class TimeRangeQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ description: 'Inclusive.', example: '2026-11-01T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ description: 'Exclusive.', example: '2026-12-01T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  to?: string;
}

/** Throws `InvalidRequestError` when it ends before it begins. */
export function toTimeRange(query: TimeRangeQueryDto): { from: Date | undefined; to: Date | undefined } {
  const from = query.from === undefined ? undefined : new Date(query.from);
  const to = query.to === undefined ? undefined : new Date(query.to);
  if (from && to && from >= to) throw new InvalidRequestError('"from" must be before "to".', 'from');
  return { from, to };
}
