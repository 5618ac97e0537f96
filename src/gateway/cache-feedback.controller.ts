import type { IncomingMessage, ServerResponse } from 'node:http';
import { Body, Controller, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiKeyGuard } from '../access';
import { RequestQueries } from '../billing';
import type { Identity } from '../core/context';
import { InvalidRequestError, NotFoundError } from '../core/errors';
import { RequestContexts } from '../platform/http/request-contexts';
import { CacheAdministration, type HitRecord } from '../semantic-cache';
import { ErrorFilter } from './error.filter';
import { DocumentCacheFeedback } from './openapi/cache-feedback.docs';
import { setGatewayHeaders } from './response-headers';

const REQUEST_ID = /^req_[0-9a-z]{26}$/;
const FIELDS: ReadonlySet<string> = new Set(['request_id', 'verdict']);

/** Callers say whether a replayed answer was right. */
@Controller()
@UseGuards(ApiKeyGuard)
@UseFilters(ErrorFilter)
export class CacheFeedbackController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly cache: CacheAdministration,
    private readonly requests: RequestQueries,
  ) {}

  @Post('/v1/cache/feedback')
  @HttpCode(200)
  @DocumentCacheFeedback()
  async judge(
    @Req() request: IncomingMessage,
    @Res({ passthrough: true }) response: ServerResponse,
    @Body() body: unknown,
  ): Promise<object> {
    const context = this.contexts.of(request, response);
    setGatewayHeaders(context, response);
    const { identity } = context;
    if (!identity) throw new Error('ApiKeyGuard has not run');
    const { requestId, verdict } = readFeedback(body);
    const hit = await this.hitOf(identity, requestId);
    await this.cache.judge(identity, hit, verdict);
    return { request_id: requestId, verdict, evicted: verdict === 'wrong' };
  }

  /** One message for what is not there and for what is not the caller's: nothing can be learnt from it. */
  private async hitOf(identity: Identity, requestId: string): Promise<HitRecord> {
    const hit = this.cache.hitOf(requestId) ?? (await this.recordedHit(requestId));
    if (hit && this.cache.sharesHit(identity, hit)) return hit;
    throw new NotFoundError(
      `No answer of the cache to request ${requestId} is known. Send the x-request-id of an answer with x-gateway-cache: hit or semantic-hit; one that another replica gave is known about 300 ms after its end.`,
      'not_found',
      'request_id',
    );
  }

  /** Of another replica, or of long ago: the decision is in the request's record. */
  private async recordedHit(requestId: string): Promise<HitRecord | null> {
    const detail = await this.requests.find(requestId);
    const decisions = (detail?.request.decisions ?? []) as { stage?: string; facts?: Record<string, unknown> }[];
    const facts = decisions.find(({ stage, facts }) => stage === 'cache' && facts?.['entry'] && facts['asked'])?.facts;
    if (!facts) return null;
    const { entry, asked, scope, tier, similarity } = facts;
    return {
      entryId: String(entry),
      askedId: String(asked),
      scope: String(scope),
      tier: tier as HitRecord['tier'],
      similarity: Number(similarity),
    };
  }
}

function readFeedback(body: unknown): { requestId: string; verdict: 'right' | 'wrong' } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidRequestError('The body must be a JSON object, sent with content-type: application/json.');
  }
  const value = body as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(value).find((key) => !FIELDS.has(key));
  if (unknown !== undefined) throw new InvalidRequestError(`"${unknown}" is not a known field.`, unknown);
  const { request_id: requestId, verdict } = value;
  if (typeof requestId !== 'string' || !REQUEST_ID.test(requestId)) {
    throw new InvalidRequestError('"request_id" must be the x-request-id of an answer: req_…', 'request_id');
  }
  if (verdict === 'right' || verdict === 'wrong') return { requestId, verdict };
  throw new InvalidRequestError('"verdict" must be "wrong" or "right".', 'verdict');
}
