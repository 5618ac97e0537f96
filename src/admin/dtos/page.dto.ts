import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Matches, Max, Min } from 'class-validator';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, type Page, type PageRequest } from '../../core/page';
import { FromText, MayBeAbsent } from './fields';

/** No list gives out anything else; what a text of the database cannot hold gets no further. */
const CURSOR = /^[\x21-\x7e]{1,200}$/;

/** Which part of a list is wanted. */
export class PageQueryDto {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, type: 'integer' })
  @MayBeAbsent()
  @FromText()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE_SIZE)
  limit?: number;

  @ApiPropertyOptional({ description: '`next_cursor` of the page before.' })
  @MayBeAbsent()
  @Matches(CURSOR, { message: '$property must be next_cursor of the page before, unchanged' })
  cursor?: string;
}

/** One page of a list, newest first. */
export abstract class PageDto {
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Pass as `cursor` to get the next page; null on the last.',
  })
  next_cursor!: string | null;
}

export const toPageRequest = ({ limit, cursor }: PageQueryDto): PageRequest => ({
  limit: limit ?? DEFAULT_PAGE_SIZE,
  cursor: cursor ?? null,
});

export const fromPage = <T, D>(page: Page<T>, convert: (item: T) => D): { data: D[]; next_cursor: string | null } => ({
  data: page.items.map(convert),
  next_cursor: page.nextCursor,
});
