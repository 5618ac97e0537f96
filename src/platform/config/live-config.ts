import type { Type } from '@nestjs/common';

/**
 * The configuration in force, by section class. A section object is frozen and replaced whole on reload, so a caller
 * that needs several fields to agree keeps the section it was given.
 */
export abstract class LiveConfig {
  /** Changes with every accepted reload; recorded with each request. */
  abstract get version(): string;

  /** The section in force. Throws when `type` is not a section of the root configuration class. */
  abstract section<T extends object>(type: Type<T>): T;

  /**
   * Registers a listener that rebuilds what was computed from the configuration. It runs after the new sections are in
   * place, in the order of registration. Returns the function that removes it.
   */
  abstract onReload(listener: () => void): () => void;
}
