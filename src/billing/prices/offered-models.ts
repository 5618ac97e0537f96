import type { TargetName } from '../../core/context';

/** Tells what the configuration offers. The application binds it to the provider configuration. */
export abstract class OfferedModels {
  /** Every model of every configured provider. */
  abstract targets(): readonly TargetName[];
}
