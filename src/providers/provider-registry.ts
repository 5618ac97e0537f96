import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { TargetName } from '../core/context';
import { LiveConfig } from '../platform/config/live-config';
import { ADAPTERS } from './adapters';
import { ModelsConfig } from './models.config';
import { nearNames } from './near-names';
import type { Provider, ProviderSettings } from './provider';
import { ProvidersConfig, type ProviderConfig } from './providers.config';
import { RouteTable, RoutePlan, type ResolvedTarget, type WeightedTarget } from './route-table';
import { RoutingConfig } from './routing.config';
import { TargetHealth } from './target-health';

/** The providers and routes of one configuration. Requests hold on to the snapshot they started with. */
interface Snapshot {
  readonly version: string;
  readonly table: RouteTable;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Plans made so far: at most four for each name of the table. */
  readonly plans: Map<string, PlannedRoute>;
}

/** A route as all requests of one snapshot take it. */
interface PlannedRoute {
  readonly plan: RoutePlan;
  readonly used: readonly Built[];
}

/** One adapter with what it was built from, so that a reload keeps the connections of a provider that did not change. */
interface Built {
  readonly fingerprint: string;
  readonly provider: Provider;
  entry: ProviderConfig;
  /** Requests that may still call it. */
  users: number;
  isRetired: boolean;
}

/** A provider with what its entry of the configuration says about routing. */
export interface ConfiguredProvider {
  readonly provider: Provider;
  readonly models: readonly string[];
  readonly priority: number;
  /** null: each model on its own. */
  readonly quotaDomain: string | null;
}

export interface AcquiredPlan {
  readonly plan: RoutePlan;
  readonly configVersion: string;
  /** To be called when the request is over. */
  readonly release: () => void;
}

/** Knows every provider and every route, and swaps them whole when the configuration changes. */
@Injectable()
export class ProviderRegistry implements OnApplicationShutdown {
  private readonly logger = new Logger(ProviderRegistry.name);
  private built = new Map<string, Built>();
  private snapshot: Snapshot;

  constructor(
    private readonly config: LiveConfig,
    private readonly health: TargetHealth,
  ) {
    this.snapshot = this.build();
    config.onReload(() => (this.snapshot = this.build()));
  }

  /** Every name a client may ask for, in the order of the configuration. */
  get modelNames(): readonly string[] {
    return this.snapshot.table.names;
  }

  /** All providers in force. */
  get providers(): readonly Provider[] {
    return [...this.snapshot.providers.values()];
  }

  /** The same, with what the configuration says about them. */
  get configured(): readonly ConfiguredProvider[] {
    return [...this.built.values()].map(({ provider, entry }) => ({
      provider,
      models: entry.models,
      priority: entry.priority,
      quotaDomain: entry.quota_domain ?? null,
    }));
  }

  /**
   * What cools down together: the providers that share a `quota_domain`, else each model on its own, because that is how
   * the vendors count.
   */
  quotaDomainOf({ provider, model }: TargetName): string {
    const shared = this.built.get(provider)?.entry.quota_domain;
    return shared === undefined ? `${provider}/${model}` : `domain ${shared}`;
  }

  typeOf(providerName: string): string {
    return this.snapshot.providers.get(providerName)?.type ?? providerName;
  }

  /** Every model that a provider lists or an alias leads to. */
  targets(): readonly TargetName[] {
    const { entries } = this.config.section(ModelsConfig);
    const listed = this.configured.flatMap(({ provider, models }) =>
      models.map((model) => ({ provider: provider.name, model })),
    );
    return [...listed, ...Object.values(entries).flatMap(({ targets }) => targets)];
  }

  /** The names nearest to one that does not exist. */
  suggest(asked: string, among: readonly string[]): string[] {
    return nearNames(asked, among);
  }

  /** The targets that serve a name, best first; undefined when no such name is known. */
  targetsOf(model: string): readonly { provider: string; model: string }[] | undefined {
    return this.snapshot.table.find(model)?.targets;
  }

  /**
   * The route of one request; its providers stay open until it is released. `sameModel`: only targets with the first one's
   * model, because vectors of another model cannot be compared.
   */
  acquire(
    model: string,
    options: { readonly fallback: boolean; readonly sameModel?: boolean },
  ): AcquiredPlan | undefined {
    const { version } = this.snapshot;
    const planned = this.planned(model, options.fallback, options.sameModel ?? false);
    return planned && this.hold(planned, version);
  }

  /** The same to one target and no other, whether clients may ask for it or not; undefined without such a provider. */
  acquireTarget(target: TargetName): AcquiredPlan | undefined {
    const targets = this.resolve(target);
    const used = this.built.get(target.provider);
    if (!used) return undefined;
    const plan = new RoutePlan(target.model, [{ strategy: 'priority', targets }]);
    return this.hold({ plan, used: [used] }, this.snapshot.version);
  }

  private hold({ plan, used }: PlannedRoute, version: string): AcquiredPlan {
    for (const item of used) item.users += 1;
    return {
      plan,
      configVersion: version,
      release: () => {
        for (const item of used) {
          item.users -= 1;
          this.closeIfUnused(item);
        }
      },
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.built.values()].map(({ provider }) => provider.close()));
  }

  private planned(model: string, fallback: boolean, sameModel: boolean): PlannedRoute | undefined {
    const { table, plans } = this.snapshot;
    const key = `${fallback ? 'f' : '-'}${sameModel ? 's' : '-'}${model}`;
    const known = plans.get(key);
    if (known) return known;
    const route = table.find(model);
    if (!route) return undefined;
    const mayServe = (target: TargetName): boolean => !sameModel || target.model === route.targets[0]?.model;
    const plan = new RoutePlan(
      model,
      (fallback ? route.groups : route.groups.slice(0, 1)).map(({ strategy, targets }) => ({
        strategy,
        targets: targets.filter(mayServe).flatMap((target) => this.resolve(target)),
      })),
      table.hedgeAfterMs(model),
    );
    const used = [...new Set(plan.targets.map(({ provider }) => this.built.get(provider)))].filter(
      (item) => item !== undefined,
    );
    const made = { plan, used };
    plans.set(key, made);
    return made;
  }

  private resolve(target: WeightedTarget): ResolvedTarget[] {
    const built = this.built.get(target.provider);
    if (!built) return [];
    const quotaDomain = this.quotaDomainOf(target);
    return [{ ...target, adapter: built.provider, quotaDomain, totalTimeoutMs: built.entry.timeouts.total }];
  }

  private build(): Snapshot {
    const entries = this.config.section(ProvidersConfig).entries;
    const next = new Map<string, Built>();
    for (const [name, entry] of Object.entries(entries)) next.set(name, this.reuseOrBuild(name, entry));
    const retired = [...this.built].filter(([name, item]) => next.get(name) !== item).map(([, item]) => item);
    this.built = next;
    for (const item of retired) {
      item.isRetired = true;
      // What was learnt with another address or key says nothing about the new one.
      this.health.forget(item.provider.name);
      this.closeIfUnused(item);
    }
    return {
      version: this.config.version,
      plans: new Map(),
      providers: new Map([...next].map(([name, { provider }]) => [name, provider])),
      table: new RouteTable({
        providers: Object.entries(entries).map(([name, { models, priority }]) => ({ name, models, priority })),
        aliases: Object.fromEntries(
          Object.entries(this.config.section(ModelsConfig).entries).map(([name, alias]) => [
            name,
            {
              strategy: alias.strategy,
              targets: alias.targets,
              fallbacks: alias.fallbacks ?? [],
              hedgeAfterMs: alias.hedge_after ?? null,
            },
          ]),
        ),
        fallback: this.config.section(RoutingConfig).fallback,
      }),
    };
  }

  private reuseOrBuild(name: string, entry: ProviderConfig): Built {
    const settings = settingsOf(name, entry);
    const fingerprint = JSON.stringify([entry.type, settings]);
    const known = this.built.get(name);
    // What concerns only routing may change under a running adapter.
    if (known?.fingerprint === fingerprint) return Object.assign(known, { entry });
    return { fingerprint, provider: ADAPTERS[entry.type](settings), entry, users: 0, isRetired: false };
  }

  private closeIfUnused(item: Built): void {
    if (!item.isRetired || item.users > 0) return;
    item.provider.close().catch((error: unknown) => this.logger.warn(error));
  }
}

function settingsOf(name: string, entry: ProviderConfig): ProviderSettings {
  return {
    name,
    apiKey: entry.api_key ?? null,
    baseUrl: entry.base_url ?? null,
    allowPrivateNetwork: entry.allow_private_network,
    connectTimeoutMs: entry.timeouts.connect,
    firstByteTimeoutMs: entry.timeouts.first_byte ?? null,
    idleTimeoutMs: entry.timeouts.idle,
    totalTimeoutMs: entry.timeouts.total,
    maxConcurrency: entry.max_concurrency,
  };
}
