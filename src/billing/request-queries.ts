import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { EVERYBODY, isWithin, type Scope } from '../core/scope';
import { boundedQuery } from './bounded-query';
import { UsageAttempt } from './entities/usage-attempt.entity';
import { UsageRequest } from './entities/usage-request.entity';
import { timeOfRequestId } from './id-time';

export interface RequestDetail {
  readonly request: UsageRequest;
  readonly attempts: readonly UsageAttempt[];
}

/** No request runs longer than this, so its attempts begin within it. */
const LONGEST_REQUEST_MS = 24 * 60 * 60_000;

/** Single requests, as they were recorded; a request appears about a quarter of a second after its end. */
@Injectable()
export class RequestQueries {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** The request that began last of all; null before the first. */
  async newestId(): Promise<string | null> {
    const [row] = await this.database.query<{ id: string }[]>(
      'select id from usage_requests order by started_at desc, id desc limit 1',
    );
    return row?.id ?? null;
  }

  /** With its decision trace and its attempts in order; null when there is none within the scope. */
  async find(id: string, scope: Scope = EVERYBODY): Promise<RequestDetail | null> {
    const time = timeOfRequestId(id);
    if (time === null) return null;
    return boundedQuery(this.database, async (manager) => {
      const request = await manager
        .createQueryBuilder(UsageRequest, 'r')
        .addSelect('r.decisions')
        .where('r.id = :id and r.started_at = :at', { id, at: new Date(time) })
        .getOne();
      if (!request || !isWithin(scope, request)) return null;
      const attempts = await manager
        .createQueryBuilder(UsageAttempt, 'a')
        .where('a.request_id = :id and a.started_at >= :from and a.started_at < :to', {
          id,
          // The wall clock may be set back while a request runs.
          from: new Date(time - LONGEST_REQUEST_MS),
          to: new Date(time + LONGEST_REQUEST_MS),
        })
        .orderBy('a.index')
        .getMany();
      return { request, attempts };
    });
  }
}
