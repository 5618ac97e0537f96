import { Body, Get, Param, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { NotFoundError } from '../../../core/errors';
import { Clock } from '../../../platform/clock';
import { ProviderOverviews, ProviderRegistry, type ProviderOverview, type TargetStatus } from '../../../providers';
import { Operations } from '../../management/operations';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { showCount, showMs } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { textOf, type Query } from './fields';

const HOME = '/admin/models';
const LIVE_SECONDS = 5;

@ConsoleController('models')
export class ModelsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly providers: ProviderRegistry,
    private readonly overviews: ProviderOverviews,
    private readonly operations: Operations,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('routing.read')
  list(@Res() response: Response): void {
    this.show(response);
  }

  /** One real call of a few tokens, on no team's bill. */
  @Post(':provider/test')
  @Permit('routing.write')
  async test(@Param('provider') provider: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const check = await this.operations.testProvider(viewerIn(response), provider, textOf(form, 'model'));
      const latency = showMs(check.latencyMs);
      const { status = null, message = '' } = check.error ?? {};
      this.show(response, { check: { ...check, provider, latency, status, message } });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      this.show(response, { problem: { message: error.message } }, 404);
    }
  }

  private show(response: Response, more: object = {}, status = 200): void {
    const { role } = viewerIn(response);
    const overviews = [...this.overviews.list()].sort((left, right) => left.priority - right.priority);
    const health = new Map(
      overviews.flatMap(({ name, models }) =>
        models.map((model) => [`${name}/${model.model}`, stateOf(model)] as const),
      ),
    );
    this.pages.show(
      response,
      'models',
      {
        title: 'Models and providers',
        providers: overviews.map((overview) => providerRow(overview, this.clock.now())),
        models: this.providers.modelNames.map((name) => ({
          name,
          playHref: `/admin/playground?${new URLSearchParams({ model: name }).toString()}`,
          targets: (this.providers.targetsOf(name) ?? []).map(({ provider, model }, index) => ({
            provider,
            model,
            isFallback: index > 0,
            tone: health.get(`${provider}/${model}`)?.tone ?? 'quiet',
            state: health.get(`${provider}/${model}`)?.state ?? 'unknown',
          })),
        })),
        mayTest: mayDo(role, 'routing.write'),
        mayPlay: mayDo(role, 'playground.use'),
        refreshHref: `${HOME}?live=1`,
        liveSeconds: LIVE_SECONDS,
        ...more,
      },
      status,
    );
  }
}

interface State {
  readonly state: string;
  readonly tone: 'good' | 'warn' | 'bad' | 'quiet';
}

function stateOf({ breaker, cooldown, openForMs, firstByteMs }: TargetStatus): State {
  if (breaker === 'open') return { state: `left alone for ${showMs(openForMs)}`, tone: 'bad' };
  if (cooldown !== null) return { state: `waits ${showMs(cooldown.endsInMs)}: ${cooldown.reason}`, tone: 'warn' };
  if (breaker === 'half_open') return { state: 'being tried again', tone: 'warn' };
  return firstByteMs === null ? { state: 'not measured yet', tone: 'quiet' } : { state: 'healthy', tone: 'good' };
}

const RANK = { bad: 3, warn: 2, good: 1, quiet: 0 } as const;

/** A provider is as well as most of its models: one that is left alone does not make it sick, all of them do. */
function worstOf(states: readonly State[]): State {
  const known = states.filter(({ tone }) => tone !== 'quiet');
  if (known.length === 0) return { state: 'not measured yet', tone: 'quiet' };
  const sick = known.filter(({ tone }) => RANK[tone] > RANK.good);
  if (sick.length === 0) return { state: 'healthy', tone: 'good' };
  if (sick.length < known.length) return { state: `${sick.length} of ${known.length} models in trouble`, tone: 'warn' };
  return { state: 'in trouble', tone: 'bad' };
}

function providerRow({ models, ...overview }: ProviderOverview, nowMs: number) {
  return {
    ...overview,
    requestsHref: `/admin/requests?${new URLSearchParams({ provider: overview.name }).toString()}`,
    testHref: `${HOME}/${encodeURIComponent(overview.name)}/test`,
    ...worstOf(models.map(stateOf)),
    models: models.map((model) => ({
      name: model.model,
      ...stateOf(model),
      firstByte: showMs(model.firstByteMs),
      perToken: showMs(model.perTokenMs),
      requestsLeft: leftOf(model.quota.requests, nowMs),
      tokensLeft: leftOf(model.quota.tokens, nowMs),
    })),
  };
}

function leftOf(quota: TargetStatus['quota']['requests'], nowMs: number): string | null {
  if (quota === null || quota.resetAtMs <= nowMs) return null;
  return quota.limit === null
    ? showCount(quota.remaining)
    : `${showCount(quota.remaining)} of ${showCount(quota.limit)}`;
}
