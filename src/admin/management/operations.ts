import { Injectable } from '@nestjs/common';
import { FileLiveConfig } from '../../platform/config/file-live-config';
import { ProviderOverviews, type ProviderCheck } from '../../providers';
import { CacheAdministration } from '../../semantic-cache';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';

/** What operators do that is no change of a row: on record once it has happened. */
@Injectable()
export class Operations {
  constructor(
    private readonly config: FileLiveConfig,
    private readonly cache: CacheAdministration,
    private readonly providers: ProviderOverviews,
    private readonly audit: AuditLog,
  ) {}

  async reloadConfig(caller: Caller): ReturnType<FileLiveConfig['reload']> {
    const before = { version: this.config.version };
    const result = await this.config.reload();
    await this.record(caller, 'config.reload', null, { before, after: { ...result } });
    return result;
  }

  async flushCache(caller: Caller): Promise<void> {
    await this.cache.flush();
    await this.record(caller, 'cache.flush', null, {});
  }

  /** False: there was no such entry. */
  async removeCacheEntry(caller: Caller, id: string): Promise<boolean> {
    const isRemoved = await this.cache.remove(id);
    if (isRemoved) await this.record(caller, 'cache.remove', id, {});
    return isRemoved;
  }

  /** False: the question was not linked. */
  async removeCacheAlias(caller: Caller, id: string): Promise<boolean> {
    const isRemoved = await this.cache.unlink(id);
    if (isRemoved) await this.record(caller, 'cache.unlink', id, {});
    return isRemoved;
  }

  async removeCacheEntries(caller: Caller, filter: Parameters<CacheAdministration['removeWhere']>[0]): Promise<number> {
    const removed = await this.cache.removeWhere(filter);
    await this.record(caller, 'cache.remove', null, { before: { ...filter, entries: removed } });
    return removed;
  }

  async testProvider(caller: Caller, name: string, model: string | undefined): Promise<ProviderCheck> {
    const check = await this.providers.check(name, model);
    await this.record(caller, 'provider.test', null, { after: { provider: name, model: model ?? null } });
    return check;
  }

  private record(
    caller: Caller,
    action: string,
    targetLabel: string | null,
    { before = null, after = null }: { before?: object | null; after?: object | null },
  ): Promise<void> {
    return this.audit.record(actorOf(caller), { action, targetId: null, targetLabel, before, after });
  }
}
