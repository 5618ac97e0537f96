import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';

/**
 * Renders a Helm chart with the part of Go's template language that ours uses, so that the chart is checked without
 * Helm. Stricter than Helm: a value that `values.yaml` does not name, or a function that is not known here, is an error.
 */
export function renderChart(folder: string, overrides: Tree = {}): Map<string, string> {
  const values = merge(parse(readFileSync(path.join(folder, 'values.yaml'), 'utf8')) as Tree, overrides);
  const chart = parse(readFileSync(path.join(folder, 'Chart.yaml'), 'utf8')) as Tree;
  const root: Tree = {
    Values: values,
    Chart: { Name: chart['name'], Version: chart['version'], AppVersion: chart['appVersion'] },
    Release: { Name: 'demo', Namespace: 'default', Service: 'Helm' },
  };
  const templates = path.join(folder, 'templates');
  const files = readdirSync(templates).toSorted();
  const definitions = new Map<string, Node[]>();
  const parsed = files.map((file) => [file, parseTemplate(readFileSync(path.join(templates, file), 'utf8'))] as const);
  for (const [, nodes] of parsed)
    for (const node of nodes) if (node.kind === 'define') definitions.set(node.name, node.body);
  return new Map(
    parsed
      .filter(([file]) => !file.startsWith('_'))
      .map(([file, nodes]) => [file, new Renderer(root, definitions).run(nodes, root)]),
  );
}

type Tree = { [key: string]: unknown };

type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; code: string }
  | { kind: 'define'; name: string; body: Node[] }
  | { kind: 'if' | 'with'; code: string; body: Node[]; otherwise: Node[] };

function merge(base: Tree, changes: Tree): Tree {
  const merged = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const known = merged[key];
    merged[key] = isTree(known) && isTree(value) ? merge(known, value) : value;
  }
  return merged;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

function parseTemplate(source: string): Node[] {
  const parts: ({ text: string } | { code: string })[] = [];
  let at = 0;
  for (const match of source.matchAll(/\{\{(-?)\s*([\s\S]*?)\s*(-?)\}\}/g)) {
    const [whole, trimBefore, code = '', trimAfter] = match;
    const text = source.slice(at, match.index);
    parts.push({ text: trimBefore ? text.trimEnd() : text });
    if (!code.startsWith('/*')) parts.push({ code });
    at = match.index + whole.length;
    if (trimAfter) at += /^\s*/.exec(source.slice(at))?.[0].length ?? 0;
  }
  parts.push({ text: source.slice(at) });

  const body = (): { nodes: Node[]; endedBy: string } => {
    const nodes: Node[] = [];
    for (let part = parts.shift(); part; part = parts.shift()) {
      if ('text' in part) {
        nodes.push({ kind: 'text', text: part.text });
        continue;
      }
      const [word = '', ...rest] = part.code.split(' ');
      if (word === 'end' || word === 'else') return { nodes, endedBy: word };
      if (word === 'define')
        nodes.push({ kind: 'define', name: JSON.parse(rest.join(' ')) as string, body: body().nodes });
      else if (word === 'if' || word === 'with') {
        const then = body();
        const otherwise = then.endedBy === 'else' ? body().nodes : [];
        nodes.push({ kind: word, code: rest.join(' '), body: then.nodes, otherwise });
      } else nodes.push({ kind: 'print', code: part.code });
    }
    return { nodes, endedBy: '' };
  };
  const { nodes, endedBy } = body();
  if (endedBy) throw new Error(`{{ ${endedBy} }} without a beginning`);
  return nodes;
}

class Renderer {
  constructor(
    private readonly root: Tree,
    private readonly definitions: ReadonlyMap<string, Node[]>,
  ) {}

  run(nodes: readonly Node[], dot: unknown): string {
    return nodes.map((node) => this.render(node, dot)).join('');
  }

  private render(node: Node, dot: unknown): string {
    if (node.kind === 'text') return node.text;
    if (node.kind === 'define') return '';
    const value = this.pipeline(node.code, dot);
    if (node.kind === 'print') return text(value);
    if (!isTrue(value)) return this.run(node.otherwise, dot);
    return this.run(node.body, node.kind === 'with' ? value : dot);
  }

  private pipeline(code: string, dot: unknown): unknown {
    let piped: unknown[] = [];
    for (const stage of splitOutside(code, '|')) piped = [this.call([...splitOutside(stage, ' ')], dot, piped)];
    return piped[0];
  }

  private call(words: string[], dot: unknown, piped: unknown[]): unknown {
    const [first = '', ...rest] = words;
    if (!/^[a-zA-Z]/.test(first)) return this.value(first, dot);
    const given = [...rest.map((word) => this.value(word, dot)), ...piped];
    if (first === 'include') return this.include(given);
    const run = FUNCTIONS[first];
    if (!run) throw new Error(`The function ${first} is not known here`);
    return run(...given);
  }

  private include([name, dot]: unknown[]): string {
    const body = this.definitions.get(String(name));
    if (!body) throw new Error(`There is no template ${String(name)}`);
    return this.run(body, dot);
  }

  private value(word: string, dot: unknown): unknown {
    if (word.startsWith('(')) return this.pipeline(word.slice(1, -1), dot);
    if (word.startsWith('"')) return JSON.parse(word);
    if (/^\d/.test(word)) return Number(word);
    if (word === '.') return dot;
    let current: unknown = dot === this.root || word.startsWith('.') ? dot : this.root;
    for (const key of word.split('.').filter(Boolean)) {
      if (!isTree(current) || !(key in current)) throw new Error(`${word} is in no values.yaml`);
      current = current[key];
    }
    return current;
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isTree(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

const FUNCTIONS: Record<string, (...given: unknown[]) => unknown> = {
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  gt: (left, right) => Number(left) > Number(right),
  int: (value) => Math.trunc(Number(value)),
  nindent: (width, value) =>
    text(value)
      .replace(/^/gm, ' '.repeat(Number(width)))
      .replace(/^/, '\n'),
  not: (value) => !isTrue(value),
  quote: (value) => JSON.stringify(String(value)),
  required: (complaint, value) => {
    if (isTrue(value)) return value;
    throw new Error(String(complaint));
  },
  toYaml: (value) => stringify(value).trimEnd(),
  trimSuffix: (suffix, value) =>
    text(value).endsWith(text(suffix)) ? text(value).slice(0, -text(suffix).length) : value,
  trunc: (length, value) => text(value).slice(0, Number(length)),
};

/** Splits at `separator` where it stands outside quotes and parentheses; empty pieces are dropped. */
function splitOutside(code: string, separator: string): string[] {
  const pieces = [''];
  let depth = 0;
  let isQuoted = false;
  for (const letter of code) {
    if (letter === '"') isQuoted = !isQuoted;
    if (!isQuoted && letter === '(') depth += 1;
    if (!isQuoted && letter === ')') depth -= 1;
    if (letter === separator && !isQuoted && depth === 0) pieces.push('');
    else pieces[pieces.length - 1] += letter;
  }
  return pieces.map((piece) => piece.trim()).filter((piece) => piece !== '');
}
