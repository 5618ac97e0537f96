import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Type } from '@nestjs/common';
import { isMap } from 'yaml';
import { Binder } from './bind';
import { ConfigDocument, MAX_FILE_BYTES, type Trouble } from './config-document';
import { ConfigurationError } from './configuration-error';
import { Environment, SECRET_VARIABLES, type Variables } from './environment';
import { maskTokens, maskValues, secretParts } from './mask';
import { knownSteps } from './field-model';
import { isWithin, pathText, type Path } from './path';
import type { RootConfig } from './root-config';

/** `EX_CONFIG` of sysexits(3): the configuration is wrong, starting again will not help. */
export const EXIT_CONFIG = 78;

/** A configuration file: the name that problems call it, and what is in it. */
export interface ConfigText {
  readonly name: string;
  readonly text: string;
}

/** What a configuration is made with. */
export interface ConfigMaking<T extends RootConfig> {
  readonly root: Type<T>;
  readonly environment: Environment;
  readonly variables: Variables;
  /** What a program that serves needs, and one that only looks something up does not. */
  readonly isToServe?: boolean;
}

export interface LoadedConfiguration<T extends RootConfig> {
  readonly root: T;
  /** The first twelve hexadecimal digits of a hash of the effective configuration. */
  readonly version: string;
}

/**
 * Makes the frozen sections from a file's text. Throws `ConfigurationError` with every problem at once. `settle` may have
 * the last word on a configuration that is right, before it is frozen.
 */
export function makeConfiguration<T extends RootConfig>(
  making: ConfigMaking<T>,
  source: ConfigText,
  settle: (root: T) => void = () => undefined,
): LoadedConfiguration<T> {
  const document = new ConfigDocument(source.name, source.text);
  const binder = new Binder(document, making.variables);
  const root = new making.root();
  const troubles = (): Trouble[] => [...syntax, ...document.troubles, ...binder.troubles];
  // The keys of broken YAML may be anything, a secret too: only those that are settings are named.
  const syntax = document.troubles.map((found) => ({ ...found, path: knownSteps(making.root, found.path) }));
  document.troubles.length = 0;
  if (source.text.trim() === '') syntax.push({ path: [], message: EMPTY_FILE, offset: 0 });
  if (syntax.length === 0) bindInto(root, binder, document);
  if (syntax.length === 0 && !troubles().some((trouble) => trouble.path.length === 0)) {
    const context = {
      ...making,
      isBroken: (place: Path) => troubles().some((trouble) => isWithin(place, trouble.path)),
    };
    root.complete(context);
    for (const { path, message } of root.check(context))
      if (!context.isBroken(path)) binder.troubles.push({ path, message, offset: document.locate(path) });
  }
  const found = troubles();
  if (found.length > 0) throw new ConfigurationError(linesOf(found, document, secretsOf(binder, making.variables)));
  settle(root);
  return { root: deepFreeze(root), version: versionOf(root) };
}

/** Reads the file that the environment names. Throws `ConfigurationError` with the problems of both. */
export function loadConfiguration<T extends RootConfig>(
  root: Type<T>,
  variables: Variables = process.env,
  isToServe = false,
): LoadedConfiguration<T> & { readonly environment: Environment } {
  const { environment, problems } = Environment.examine(variables);
  const all = [...problems];
  try {
    const loaded = makeConfiguration(
      { root, environment, variables, isToServe },
      readConfigFile(environment.configPath),
    );
    if (all.length === 0) return { ...loaded, environment };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    all.push(...error.problems);
  }
  throw new ConfigurationError(all);
}

/**
 * For the first lines of a program: prints every problem to stderr and exits with 78 when the configuration is wrong.
 * `isToServe`: whether it must do for serving.
 */
export function loadConfigurationOrExit<T extends RootConfig>(
  root: Type<T>,
  isToServe = false,
): LoadedConfiguration<T> & { readonly environment: Environment } {
  try {
    return loadConfiguration(root, process.env, isToServe);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.problems.join('\n')}\n`);
    return process.exit(EXIT_CONFIG);
  }
}

/** Throws `ConfigurationError` when the file cannot be read, with the mend to make. */
export function readConfigFile(file: string, mend: string = MEND_PATH): ConfigText {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) throw new ConfigurationError([`${file}: is not a file; ${mend}`]);
    if (stats.size > MAX_FILE_BYTES) throw new ConfigurationError([`${file}: is larger than ${MAX_FILE_BYTES} bytes`]);
    return { name: path.basename(file), text: readFileSync(file, 'utf8') };
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigurationError([`${file}: cannot be read (${code}); ${mend}`]);
  }
}

/** Problems told at once; nobody reads more. */
const MAX_PROBLEMS = 100;

const MEND_PATH = 'set GATEWAY_CONFIG to the path of the YAML file';

const EMPTY_FILE = 'the file is empty; write the configuration, or a comment to run with the defaults';

function bindInto(root: RootConfig, binder: Binder, document: ConfigDocument): void {
  const contents = document.root;
  // A file of comments only is the configuration with all its defaults.
  if (contents === null || !(isMap(contents) && contents.items.length === 0)) {
    Object.assign(root, binder.bind(root.constructor as Type<object>, contents, []));
  }
}

function linesOf(troubles: Trouble[], document: ConfigDocument, secrets: ReadonlySet<string>): string[] {
  const ordered = troubles.toSorted((first, second) => first.offset - second.offset);
  const lines = ordered.slice(0, MAX_PROBLEMS).map(({ path, message, offset }) => {
    const place = path.length === 0 ? '' : `${pathText(path)}: `;
    const line = `${document.position(offset)} ${place}${message}`;
    return maskValues(maskTokens(line.replace(/[\r\n]+/g, ' ')), secrets);
  });
  const next = ordered[MAX_PROBLEMS];
  if (next) lines.push(`${document.position(next.offset)} and ${ordered.length - MAX_PROBLEMS} more from here on`);
  return [...new Set(lines)];
}

function secretsOf(binder: Binder, variables: Variables): ReadonlySet<string> {
  const values = [...binder.secrets, ...SECRET_VARIABLES.map((name) => variables[name] ?? '')];
  return new Set(values.flatMap(secretParts).filter((part) => part.length > 0));
}

function versionOf(root: object): string {
  return createHash('sha256').update(JSON.stringify(root)).digest('hex').slice(0, 12);
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
