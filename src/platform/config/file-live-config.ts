import { Injectable, Logger, type OnApplicationShutdown, type Type } from '@nestjs/common';
import { ConfigurationError } from './configuration-error';
import { effectiveValues, keepFixedValues } from './effective';
import { FileWatch } from './file-watch';
import { LiveConfig } from './live-config';
import {
  makeConfiguration,
  readConfigFile,
  type ConfigMaking,
  type ConfigText,
  type LoadedConfiguration,
} from './load-configuration';
import type { RootConfig } from './root-config';

/** Where the text comes from: a file, or a text that a test holds. */
export type ConfigOrigin = { readonly path: string } | ConfigText;

export interface ReloadResult {
  /** Whether what the file says is in force now. */
  readonly reloaded: boolean;
  /** Of the configuration in force. */
  readonly version: string;
  /** Why it was refused; empty when it was not. */
  readonly problems: readonly string[];
  /** What was accepted but needs a restart to take effect. */
  readonly warnings: readonly string[];
}

/**
 * The configuration of a YAML file, replaced whole when the file changes, on SIGHUP and on demand. A file that is wrong
 * changes nothing. Objects once handed out are frozen and stay as they are.
 */
@Injectable()
export class FileLiveConfig extends LiveConfig implements OnApplicationShutdown {
  private readonly logger = new Logger('Configuration');
  private readonly listeners = new Set<() => void>();
  private inForce: LoadedConfiguration<RootConfig>;
  private sections: ReadonlyMap<unknown, object>;
  private readonly initialText: string;
  private fileWatch: FileWatch | undefined;
  private readonly onHangUp = (): void => void this.reload();

  /** Throws `ConfigurationError` when the configuration is wrong. */
  constructor(
    private readonly making: ConfigMaking<RootConfig>,
    private readonly origin: ConfigOrigin,
  ) {
    super();
    const text = read(origin);
    this.inForce = makeConfiguration(making, text);
    this.sections = sectionsOf(this.inForce.root);
    this.initialText = text.text;
  }

  override get version(): string {
    return this.inForce.version;
  }

  override section<T extends object>(type: Type<T>): T {
    const section = this.sections.get(type);
    if (!section) throw new Error(`${type.name} is not a section of ${this.making.root.name}`);
    return section as T;
  }

  override onReload(listener: () => void): () => void {
    // Wrapped, so that the same function registered twice is two listeners.
    const registered = (): void => listener();
    this.listeners.add(registered);
    return () => this.listeners.delete(registered);
  }

  /** The configuration in force with its defaults, as it could stand in the file, secrets masked. */
  effective(): Record<string, unknown> {
    return effectiveValues(this.inForce.root);
  }

  /** What is wrong with a text, by the rules that hold for the file. Empty: it could be used. */
  validate(yaml: string): readonly string[] {
    return this.attempt({ name: 'config', text: yaml }).problems;
  }

  /**
   * Reads the file again and puts it in force when it is right. Reloads run one after another: each is done in one go, and
   * one that a listener asks for begins after the listeners have run.
   */
  async reload(): Promise<ReloadResult> {
    await Promise.resolve();
    return this.reloadNow();
  }

  /** Reloads from now on whenever the file changes and on SIGHUP. */
  watch(): void {
    if (!('path' in this.origin) || this.fileWatch) return;
    this.fileWatch = new FileWatch(this.origin.path, this.initialText, () => void this.reload());
    this.fileWatch.start();
    process.on('SIGHUP', this.onHangUp);
  }

  onApplicationShutdown(): void {
    this.fileWatch?.close();
    this.fileWatch = undefined;
    process.off('SIGHUP', this.onHangUp);
  }

  private reloadNow(): ReloadResult {
    const { loaded, problems, warnings } = this.attempt(this.origin);
    for (const warning of warnings) this.logger.warn(warning);
    if (!loaded) return this.refused(problems);
    if (loaded.version === this.inForce.version)
      return { reloaded: true, version: this.version, problems: [], warnings };
    const before = this.inForce;
    this.putInForce(loaded);
    try {
      for (const listener of this.listeners) listener();
    } catch (error) {
      this.rollBack(before);
      return this.refused([`the configuration is right, but could not be put in force: ${wordsOf(error)}`]);
    }
    this.logger.log(`Configuration ${this.version} is in force`);
    return { reloaded: true, version: this.version, problems: [], warnings };
  }

  private attempt(origin: ConfigOrigin): {
    readonly loaded?: LoadedConfiguration<RootConfig>;
    readonly problems: readonly string[];
    readonly warnings: readonly string[];
  } {
    const kept: string[] = [];
    const settle = (root: RootConfig): void => void kept.push(...keepFixedValues(this.inForce.root, root));
    try {
      const loaded = makeConfiguration(this.making, read(origin), settle);
      const warnings = kept.map((place) => `${place} has changed; the change needs a restart`);
      return { loaded, problems: [], warnings };
    } catch (error) {
      if (error instanceof ConfigurationError) return { problems: error.problems, warnings: [] };
      // A fault of ours must not take down a gateway that runs.
      this.logger.error(error);
      return { problems: [`the configuration could not be checked: ${wordsOf(error)}`], warnings: [] };
    }
  }

  private putInForce(loaded: LoadedConfiguration<RootConfig>): void {
    this.inForce = loaded;
    this.sections = sectionsOf(loaded.root);
  }

  /** Back to what was in force: whoever had already taken the new configuration takes the old one again. */
  private rollBack(before: LoadedConfiguration<RootConfig>): void {
    this.putInForce(before);
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        this.logger.error(`A listener failed on the way back to configuration ${this.version}: ${wordsOf(error)}`);
      }
    }
  }

  private refused(problems: readonly string[]): ReloadResult {
    this.logger.error(`The configuration was not reloaded; ${this.version} stays in force`);
    for (const problem of problems) this.logger.error(problem);
    return { reloaded: false, version: this.version, problems, warnings: [] };
  }
}

const read = (origin: ConfigOrigin): ConfigText => ('path' in origin ? readConfigFile(origin.path) : origin);

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function sectionsOf(root: RootConfig): ReadonlyMap<unknown, object> {
  const sections = Object.values(root).filter((value): value is object => typeof value === 'object' && value !== null);
  return new Map(sections.map((section) => [section.constructor, section]));
}
