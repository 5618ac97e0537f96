import type { DispatchPlan, TargetName } from '../core/context';
import type { Provider } from './provider';

/** A provider as routing sees it. */
export interface RoutedProvider {
  readonly name: string;
  readonly models: readonly string[];
  /** Lower goes first. */
  readonly priority: number;
}

export interface RoutedAlias {
  readonly targets: readonly TargetName[];
  /** Names of models or aliases that take over, in order. */
  readonly fallbacks: readonly string[];
}

export interface RouteTableInput {
  readonly providers: readonly RoutedProvider[];
  readonly aliases: Readonly<Record<string, RoutedAlias>>;
  readonly fallback: 'by_position' | 'explicit' | 'none';
}

/** Which targets serve a name, best first, and which of them are the name's own (the others are its fallbacks). */
export interface Route {
  readonly name: string;
  readonly targets: readonly TargetName[];
  readonly ownTargets: number;
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
        routes.set(keyOf(exact), { name: keyOf(exact), targets: [exact], ownTargets: 1 });
      }
    }
    for (const name of Object.keys(input.aliases)) routes.set(name, this.aliasRoute(name, new Set()));
    this.routes = routes;
    this.names = [...routes.keys()].filter((name) => routes.get(name)?.name === name && !this.isExact(name));
  }

  find(name: string): Route | undefined {
    return this.routes.get(name);
  }

  private isExact(name: string): boolean {
    const { providers } = this.input;
    return providers.some((provider) =>
      provider.models.some((model) => keyOf({ provider: provider.name, model }) === name),
    );
  }

  private modelRoute(model: string): Route {
    const own = this.ownTargets(model);
    return this.route(model, own, this.input.fallback === 'by_position' ? this.byPosition(own) : []);
  }

  private ownTargets(model: string): TargetName[] {
    return this.byPriority()
      .filter((provider) => provider.models.includes(model))
      .map((provider) => ({ provider: provider.name, model }));
  }

  private aliasRoute(name: string, visited: ReadonlySet<string>): Route {
    const alias = this.input.aliases[name];
    if (!alias || visited.has(name)) return { name, targets: [], ownTargets: 0 };
    const { fallback } = this.input;
    const seen = new Set([...visited, name]);
    const explicit = fallback === 'none' ? [] : alias.fallbacks.flatMap((next) => this.targetsOf(next, seen));
    const positional = fallback === 'by_position' && alias.fallbacks.length === 0 ? this.byPosition(alias.targets) : [];
    return this.route(name, alias.targets, [...explicit, ...positional]);
  }

  private targetsOf(name: string, visited: ReadonlySet<string>): readonly TargetName[] {
    if (this.input.aliases[name]) return this.aliasRoute(name, visited).targets;
    const own = this.ownTargets(name);
    if (own.length > 0) return own;
    const slash = name.indexOf('/');
    return slash > 0 ? [{ provider: name.slice(0, slash), model: name.slice(slash + 1) }] : [];
  }

  private route(name: string, own: readonly TargetName[], fallbacks: readonly TargetName[]): Route {
    const targets = [...new Map([...own, ...fallbacks].map((target) => [keyOf(target), target])).values()];
    return { name, targets, ownTargets: own.length };
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

/** A target with the adapter that serves it. */
export interface ResolvedTarget extends TargetName {
  readonly adapter: Provider;
}

/** The route of one request with its adapters: fixed when the request is parsed, untouched by a reload. */
export class RoutePlan implements DispatchPlan {
  constructor(
    readonly requestedModel: string,
    readonly targets: readonly ResolvedTarget[],
    readonly ownTargets: number,
  ) {}
}
