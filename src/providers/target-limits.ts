import type { TargetName } from '../core/context';
import type { ModelFacts } from '../core/model-facts';

/** How much a target reads and writes: routing asks, the catalogue knows. Bound where both modules meet. */
export abstract class TargetLimits {
  abstract factsOf(target: TargetName): ModelFacts;
}
