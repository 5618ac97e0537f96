import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Path } from './path';

/** Thousands of lines. Reading more would hold up a gateway that runs. */
export const MAX_FILE_BYTES = 262_144;
/** Aliases followed and nodes read at most, so that a few lines cannot unfold into gigabytes. */
const MAX_ALIASES = 1_000;
const MAX_NODES = 100_000;

/** One slip makes much of what follows look wrong: more faults of the syntax are noise. */
const MAX_FAULTS = 10;

/**
 * Inside `{ }` and `[ ]` YAML takes the braces of `${NAME}` for its own. They are put aside, for characters that nothing else
 * uses, before the text is parsed and put back into the values: every place stays where it was.
 */
const VARIABLE = /\$\{([A-Za-z_]\w*(?::?[-?][^{}\n]*)?)\}/g;
const PUT_ASIDE = /\$\ue000([^\ue000\ue001]*)\ue001/g;
const withoutBraces = (text: string): string => text.replace(VARIABLE, '$\ue000$1\ue001');
const withBraces = (text: string): string => text.replace(PUT_ASIDE, '${$1}');

/** An entry of a mapping. */
export interface Entry {
  readonly key: string;
  readonly value: Node | null;
  readonly keyOffset: number;
}

/** Something wrong, at a place of the text. */
export interface Trouble {
  readonly path: Path;
  readonly message: string;
  readonly offset: number;
}

/** A parsed YAML file that still knows where everything stands. */
export class ConfigDocument {
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed | null;
  private readonly aliases = new Map<Alias, Node>();
  private aliasesFollowed = 0;
  private nodesRead = 0;
  /** Whether the limits are passed: what is read from then on is nothing. */
  isExhausted = false;
  /** Everything that is wrong with the text as YAML. */
  readonly troubles: Trouble[] = [];

  constructor(
    readonly name: string,
    private readonly text: string,
  ) {
    this.document = this.parse();
    if (!this.document) return;
    const faults = [...this.document.errors, ...this.document.warnings].slice(0, MAX_FAULTS);
    for (const error of faults) this.troubles.push(this.troubleAt(error.code, error.pos[0]));
    this.visitNodes(this.document);
  }

  get root(): Node | null {
    return this.document?.contents ?? null;
  }

  /** `gateway.yaml:12:5` */
  position(offset: number): string {
    const { line, col } = this.lines.linePos(offset);
    return `${this.name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  /** The node itself, or what an alias stands for. Counts, and gives null once the limits are passed. */
  resolve(node: Node | null): Exclude<Node, Alias> | null {
    this.nodesRead += 1;
    let current = node;
    while (isAlias(current)) {
      this.aliasesFollowed += 1;
      if (this.aliasesFollowed > MAX_ALIASES) return this.exhausted(current);
      current = this.aliases.get(current) ?? null;
    }
    if (this.nodesRead > MAX_NODES) return this.exhausted(current);
    return current;
  }

  /** The entries of a mapping, those that `<<` merges in included. A key that comes twice is a trouble. */
  entries(map: YAMLMap, path: Path): Entry[] {
    const own = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of map.items) {
      if (isMergePair(pair)) {
        merged.push(...this.mergedEntries(pair.value as Node | null, path));
        continue;
      }
      const entry = this.entryOf(pair, path);
      if (!entry) continue;
      const first = own.get(entry.key);
      if (first) {
        const message = `is written twice, first on line ${this.lines.linePos(first.keyOffset).line}; remove one`;
        this.troubles.push({ path: [...path, entry.key], message, offset: entry.keyOffset });
      } else own.set(entry.key, entry);
    }
    for (const entry of merged) if (!own.has(entry.key)) own.set(entry.key, entry);
    return [...own.values()];
  }

  /** Where a path leads, or as far as it does. */
  locate(path: Path): number {
    let node: Node | null = this.root;
    let offset = offsetOf(node);
    for (const step of path) {
      const parent = isAlias(node) ? (this.aliases.get(node) ?? null) : node;
      const child = childOf(parent, step);
      if (!child) break;
      node = child.value;
      offset = child.offset;
    }
    return offset;
  }

  private parse(): Document.Parsed | null {
    if (Buffer.byteLength(this.text) > MAX_FILE_BYTES) {
      this.troubles.push({ path: [], message: `the file is larger than ${MAX_FILE_BYTES} bytes`, offset: 0 });
      return null;
    }
    try {
      return parseDocument(withoutBraces(this.text), {
        lineCounter: this.lines,
        prettyErrors: false,
        // Repeated keys are found in `entries`: the parser's own check is quadratic.
        uniqueKeys: false,
        merge: true,
        logLevel: 'error',
      });
    } catch {
      this.troubles.push({ path: [], message: 'the file cannot be read as YAML: it is nested too deeply', offset: 0 });
      return null;
    }
  }

  private visitNodes(document: Document): void {
    const anchors = new Map<string, Node>();
    try {
      visit(document, {
        Node: (_key, node) => {
          if (isScalar(node)) putBracesBack(node);
          if (isAlias(node)) {
            const target = anchors.get(node.source);
            if (target) this.aliases.set(node, target);
            else this.troubles.push(this.troubleAt('BAD_ALIAS', offsetOf(node)));
          } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
        },
      });
    } catch {
      this.troubles.push({ path: [], message: 'the file cannot be read as YAML: it is nested too deeply', offset: 0 });
    }
  }

  private exhausted(node: Node | null): null {
    if (!this.isExhausted) {
      this.isExhausted = true;
      const message = `is too large once its aliases are unfolded (more than ${MAX_ALIASES} aliases or ${MAX_NODES} values); write less`;
      this.troubles.push({ path: [], message, offset: offsetOf(node) });
    }
    return null;
  }

  private entryOf(pair: Pair, path: Path): Entry | null {
    const keyOffset = offsetOf(pair.key as Node | null);
    const key = isScalar(pair.key) ? keyText(pair.key) : null;
    if (key === null) {
      this.troubles.push({
        path,
        message: 'has a key that is not a plain word; write "name: value"',
        offset: keyOffset,
      });
      return null;
    }
    return { key, value: pair.value as Node | null, keyOffset };
  }

  private mergedEntries(source: Node | null, path: Path): Entry[] {
    const node = this.resolve(source);
    const sources = isSeq(node) ? (node.items as Node[]) : [source];
    return sources.flatMap((part) => {
      const target = this.resolve(part);
      if (isMap(target)) return this.entries(target, path);
      if (!this.isExhausted)
        this.troubles.push({ path, message: '"<<" must name a section', offset: offsetOf(source) });
      return [];
    });
  }

  private troubleAt(code: YAMLError['code'], offset: number): Trouble {
    return { path: this.pathAt(offset), message: SYNTAX[code] ?? 'is not valid YAML', offset };
  }

  /** The keys around a place, so that a message about broken YAML can name them. */
  private pathAt(offset: number): Path {
    const path: (string | number)[] = [];
    let node: Node | null = this.root;
    for (let depth = 0; depth < 10 && node; depth += 1) {
      const child: { step: string | number; value: Node | null } | null = childAround(node, offset);
      if (!child) break;
      path.push(child.step);
      node = child.value;
    }
    return path;
  }
}

const SYNTAX: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_ALIAS: 'names an anchor that is not defined above; put the value in quotes if it begins with "*"',
  BAD_INDENT: 'is not indented like its neighbours',
  BAD_SCALAR_START: 'begins with a character that YAML reserves; put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'has a second ": " in one line; put the value in quotes, or begin a new line',
  BLOCK_IN_FLOW: 'mixes indented lines into { } or [ ]',
  BAD_DQ_ESCAPE: 'has an unknown "\\" escape; use single quotes',
  MISSING_CHAR: 'lacks a character: a closing quote or bracket, a comma, or a blank after ":"',
  MULTILINE_IMPLICIT_KEY: 'has a key without ":"; write "name: value"',
  MULTIPLE_DOCS: 'begins a second document ("---"); keep one',
  TAB_AS_INDENT: 'is indented with a tab; use blanks',
  TAG_RESOLVE_FAILED: 'has a tag ("!…") that is not known; remove it',
  UNEXPECTED_TOKEN: 'has something that does not belong there; check quotes, brackets and indentation',
};

const isMergePair = (pair: Pair): boolean =>
  isScalar(pair.key) && typeof pair.key.value === 'symbol' && pair.key.value.description === '<<';

function putBracesBack(scalar: Scalar): void {
  if (typeof scalar.value === 'string') scalar.value = withBraces(scalar.value);
  if (scalar.source !== undefined) scalar.source = withBraces(scalar.source);
}

/** Keys are words; numbers and the like are taken as they are written. */
function keyText(key: Scalar): string | null {
  if (typeof key.value === 'string') return key.value;
  if (typeof key.value === 'number' || typeof key.value === 'boolean') return key.source ?? String(key.value);
  return null;
}

/** Where a node begins in the text. */
export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function childOf(node: Node | null, step: string | number): { value: Node | null; offset: number } | null {
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step] as Node | undefined;
    return item ? { value: item, offset: offsetOf(item) } : null;
  }
  if (!isMap(node)) return null;
  const pair = node.items.find((item) => isScalar(item.key) && keyText(item.key) === step);
  return pair ? { value: pair.value as Node | null, offset: offsetOf(pair.key as Node) } : null;
}

function childAround(node: Node, offset: number): { step: string | number; value: Node | null } | null {
  if (!isMap(node) && !isSeq(node)) return null;
  let found: { step: string | number; value: Node | null } | null = null;
  for (const [index, item] of node.items.entries()) {
    const begin = isPair(item) ? offsetOf(item.key as Node) : offsetOf(item as Node);
    if (begin > offset) break;
    const key = isPair(item) && isScalar(item.key) ? keyText(item.key) : index;
    if (key !== null) found = { step: key, value: (isPair(item) ? item.value : item) as Node | null };
  }
  return found;
}
