import { Delete, Get, HttpCode, Param, Post, Query, type PipeTransform } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { InvalidRequestError, NotFoundError } from '../core/errors';
import { CacheAdministration, CacheOverviews } from '../semantic-cache';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { CacheAliasPageDto, fromCacheAlias } from './dtos/cache-alias.dto';
import {
  CacheEntryPageDto,
  CacheOverviewDto,
  CacheOverviewQueryDto,
  CacheRemovalDto,
  CacheRemovalQueryDto,
  fromCacheEntry,
  fromCacheOverview,
} from './dtos/cache.dto';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import { Operations } from './management/operations';
import { ManagementController, Refuses } from './management-controller.decorator';

/** What is no id of an entry names none. */
class EntryIdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (/^[0-9a-f]{64}$/.test(id)) return id;
    throw noSuchEntry();
  }
}

class AliasIdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (/^[0-9a-f]{64}$/.test(id)) return id;
    throw noSuchAlias();
  }
}

const noSuchAlias = (): NotFoundError =>
  new NotFoundError('There is no such alias; it may have come to the end of its time.');

const noSuchEntry = (): NotFoundError =>
  new NotFoundError('There is no such entry; it may have come to the end of its time.');

@ManagementController('cache', 'Cache')
export class CacheController {
  constructor(
    private readonly cache: CacheAdministration,
    private readonly overviews: CacheOverviews,
    private readonly operations: Operations,
  ) {}

  /** How the cache does: hits by tier, what they saved, on all replicas, and what it holds. */
  @Get()
  @Permit('cache.read')
  @ApiOperation({ summary: 'Hit rate, savings and measured precision of the cache' })
  @ApiOkResponse({ type: CacheOverviewDto })
  async overview(@Query() { hours }: CacheOverviewQueryDto): Promise<CacheOverviewDto> {
    return fromCacheOverview(await this.overviews.overview(hours));
  }

  /** What is stored, without prompts and answers. */
  @Get('entries')
  @Permit('cache.read')
  @ApiOperation({ summary: 'What is cached, newest first, without prompts and answers' })
  @ApiOkResponse({ type: CacheEntryPageDto })
  async entries(@Query() query: PageQueryDto): Promise<CacheEntryPageDto> {
    return fromPage(await this.cache.entries(toPageRequest(query)), fromCacheEntry);
  }

  /** Removes the entries of a model, of a scope, or of a model within a scope. To remove all, flush. */
  @Delete(['entries', ''])
  @Permit('cache.write')
  @ApiOperation({ summary: 'Remove the cached answers of a model or a scope' })
  @ApiOkResponse({ type: CacheRemovalDto })
  async removeWhere(@By() caller: Caller, @Query() { model, scope }: CacheRemovalQueryDto): Promise<CacheRemovalDto> {
    if (model === undefined && scope === undefined) {
      throw new InvalidRequestError('Name a model or a scope; POST /api/v1/cache/flush removes everything.', 'model');
    }
    return { removed: await this.operations.removeCacheEntries(caller, { requestedModel: model, scope }) };
  }

  @Delete(['entries/:id', ':id'])
  @Permit('cache.write')
  @ApiOperation({ summary: 'Remove one cached answer' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404)
  async remove(@By() caller: Caller, @Param('id', new EntryIdPipe()) id: string): Promise<void> {
    if (!(await this.operations.removeCacheEntry(caller, id))) throw noSuchEntry();
  }

  /** Questions that a judge has found to have one answer, without their texts. Both requests of each have records. */
  @Get('aliases')
  @Permit('cache.read')
  @ApiOperation({ summary: 'Questions that were found to have one answer, newest first' })
  @ApiOkResponse({ type: CacheAliasPageDto })
  async aliases(@Query() query: PageQueryDto): Promise<CacheAliasPageDto> {
    return fromPage(await this.cache.links(toPageRequest(query)), fromCacheAlias);
  }

  /** From now on the question gets its own answers again. */
  @Delete('aliases/:id')
  @Permit('cache.write')
  @ApiOperation({ summary: 'Take back that two questions have one answer' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404)
  async removeAlias(@By() caller: Caller, @Param('id', new AliasIdPipe()) id: string): Promise<void> {
    if (!(await this.operations.removeCacheAlias(caller, id))) throw noSuchAlias();
  }

  /** Forgets all entries at once. */
  @Post('flush')
  @Permit('cache.write')
  @ApiOperation({ summary: 'Forget all cached answers' })
  @HttpCode(204)
  @ApiNoContentResponse()
  async flush(@By() caller: Caller): Promise<void> {
    await this.operations.flushCache(caller);
  }
}
