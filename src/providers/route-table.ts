import type { DispatchPlan, TargetName } from '../core/context';
import type { Strategy } from './models.config';
import type { Provider } from './provider';

/** A provider as routing sees it. */
export interface RoutedProvider {
  readonly name: string;
  readonly models: readonly string[];
  /** Lower goes first. */
  readonly priority: number;
}

/** A target with its share of the traffic under `weighted`. */
export interface WeightedTarget extends TargetName {
  readonly weight?: number;
}

export interface RoutedAlias {
  /** Default `priority`. */
  readonly strategy?: Strategy;
  readonly targets: readonly WeightedTarget[];
  /** Names of models or aliases that take over, in order. */
  readonly fallbacks: readonly string[];
  /** See {@link RoutePlan.hedgeAfterMs}. */
  readonly hedgeAfterMs?: number | null;
}

export interface RouteTableInput {
  readonly providers: readonly RoutedProvider[];
  readonly aliases: Readonly<Record<string, RoutedAlias>>;
  readonly fallback: 'by_position' | 'explicit' | 'none';
}

/** Targets among which a strategy chooses at the moment of a request. */
export interface RouteGroup<T extends TargetName = WeightedTarget> {
  readonly strategy: Strategy;
  readonly targets: readonly T[];
}

/** Which targets serve a name, best first, and which of them are the name's own (the others are its fallbacks). */
export interface Route {
  readonly name: string;
  readonly targets: readonly TargetName[];
  readonly ownTargets: number;
  /** The same targets: the name's own group first, then those of its fallbacks, each with the strategy of its alias. */
  readonly groups: readonly RouteGroup[];
}

const keyOf = ({ provider, model }: TargetName): string => `${provider}/${model}`;

/**
 * All routes, computed once from the configuration and frozen. Pure: the same input gives the same table.
 *
 * A name is an alias, a model some providers list, or `provider/model`, which names one target exactly. With
 * `by_position`, when the targets of a model are exhausted, the other providers take over in the order of their priority,
 * each with the model at the same position of its list.
 */
export class RouteTable {
  private readonly routes: ReadonlyMap<string, Route>;
  /** Every name a client may ask for, in the order of the configuration. */
  readonly names: readonly string[];

  constructor(private readonly input: RouteTableInput) {
    const routes = new Map<string, Route>();
    for (const provider of input.providers) {
      for (const model of provider.models) {
        if (!routes.has(model)) routes.set(model, this.modelRoute(model));
        const exact = { provider: provider.name, model };
        routes.set(keyOf(exact), this.route(keyOf(exact), [inOrder([exact])]));
      }
    }
    for (const name of Object.keys(input.aliases)) routes.set(name, this.aliasRoute(name, new Set()));
    this.routes = routes;
    this.names = [...routes.keys()].filter((name) => routes.get(name)?.name === name && !this.isExact(name));
  }

  find(name: string): Route | undefined {
    return this.routes.get(name);
  }

  /** Of an alias; null for everything else. */
  hedgeAfterMs(name: string): number | null {
    return this.input.aliases[name]?.hedgeAfterMs ?? null;
  }

  private isExact(name: string): boolean {
    const { providers } = this.input;
    return providers.some((provider) =>
      provider.models.some((model) => keyOf({ provider: provider.name, model }) === name),
    );
  }

  private modelRoute(model: string): Route {
    const own = this.ownTargets(model);
    const fallbacks = this.input.fallback === 'by_position' ? [inOrder(this.byPosition(own))] : [];
    return this.route(model, [inOrder(own), ...fallbacks]);
  }

  private ownTargets(model: string): TargetName[] {
    return this.byPriority()
      .filter((provider) => provider.models.includes(model))
      .map((provider) => ({ provider: provider.name, model }));
  }

  private aliasRoute(name: string, visited: ReadonlySet<string>): Route {
    const alias = this.input.aliases[name];
    if (!alias || visited.has(name)) return this.route(name, []);
    const { fallback } = this.input;
    const seen = new Set([...visited, name]);
    const explicit = fallback === 'none' ? [] : alias.fallbacks.flatMap((next) => this.groupsOf(next, seen));
    const isPositional = fallback === 'by_position' && alias.fallbacks.length === 0;
    const positional = isPositional ? [inOrder(this.byPosition(alias.targets))] : [];
    const own = { strategy: alias.strategy ?? 'priority', targets: alias.targets };
    return this.route(name, [own, ...explicit, ...positional]);
  }

  private groupsOf(name: string, visited: ReadonlySet<string>): readonly RouteGroup[] {
    if (this.input.aliases[name]) return this.aliasRoute(name, visited).groups;
    const own = this.ownTargets(name);
    if (own.length > 0) return [inOrder(own)];
    const slash = name.indexOf('/');
    return slash > 0 ? [inOrder([{ provider: name.slice(0, slash), model: name.slice(slash + 1) }])] : [];
  }

  /** No target is named twice: it keeps its first place. */
  private route(name: string, groups: readonly RouteGroup[]): Route {
    const seen = new Set<string>();
    const unique = groups.map(({ strategy, targets }) => ({
      strategy,
      targets: targets.filter((target) => !seen.has(keyOf(target)) && seen.add(keyOf(target))),
    }));
    const [own] = unique;
    const filled = unique.filter(({ targets }) => targets.length > 0);
    const targets = filled.flatMap((group) => group.targets.map(({ provider, model }) => ({ provider, model })));
    return { name, targets, ownTargets: own?.targets.length ?? 0, groups: filled };
  }

  /** The model at the same place in the lists of the providers that are not in `own`. */
  private byPosition(own: readonly TargetName[]): TargetName[] {
    const [first] = own;
    const listed = this.input.providers.find(({ name }) => name === first?.provider);
    const position = listed && first ? listed.models.indexOf(first.model) : -1;
    if (position < 0) return [];
    const used = new Set(own.map(({ provider }) => provider));
    return this.byPriority()
      .filter(({ name }) => !used.has(name))
      .flatMap(({ name, models }) => {
        const model = models[position];
        return model === undefined ? [] : [{ provider: name, model }];
      });
  }

  private byPriority(): readonly RoutedProvider[] {
    return [...this.input.providers].sort((a, b) => a.priority - b.priority);
  }
}

const inOrder = (targets: readonly TargetName[]): RouteGroup => ({ strategy: 'priority', targets });

/** A target with the adapter that serves it and what its provider's configuration says about calling it. */
export interface ResolvedTarget extends WeightedTarget {
  readonly adapter: Provider;
  /** Targets of one domain cool down together. */
  readonly quotaDomain: string;
  /** All calls of one request to this target together may take so long. */
  readonly totalTimeoutMs: number;
}

/** The route of one request with its adapters: fixed when the request is parsed, untouched by a reload. */
export class RoutePlan implements DispatchPlan {
  readonly targets: readonly ResolvedTarget[];

  constructor(
    readonly requestedModel: string,
    readonly groups: readonly RouteGroup<ResolvedTarget>[],
    /** How long the first target may be silent before the next one is asked as well; null: for ever. */
    readonly hedgeAfterMs: number | null = null,
  ) {
    this.targets = groups.flatMap(({ targets }) => targets);
  }
}
