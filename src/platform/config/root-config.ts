import type { Environment, Variables } from './environment';
import type { Path } from './path';

/** What a root class is told while a configuration is made from a file. */
export interface ConfigContext {
  readonly environment: Environment;
  readonly variables: Variables;
  /** Whether the program is going to serve with it, and not only look something up. */
  readonly isToServe?: boolean;
  /** Whether a problem was already found at this place or above it, so that a second one would only be its echo. */
  isBroken(path: Path): boolean;
}

/** Something wrong that only the whole configuration shows. */
export interface Finding {
  readonly path: Path;
  /** What is wrong and how to mend it, continuing the path: `is not known; …`. Never a secret's value. */
  readonly message: string;
}

/** The class of the whole file. Its properties are the sections. */
export abstract class RootConfig {
  /** Fills in what depends on the environment or on other sections. Runs on a file with problems too. */
  abstract complete(context: ConfigContext): void;

  /** What is wrong across sections. Runs after `complete`, on a file with problems too. */
  abstract check(context: ConfigContext): Finding[];
}
