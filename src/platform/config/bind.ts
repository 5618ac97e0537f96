import type { Type } from '@nestjs/common';
import { validateSync } from 'class-validator';
import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { offsetOf, type ConfigDocument, type Entry, type Trouble } from './config-document';
import { complaint } from './constraints';
import { parseDuration } from './duration';
import type { Variables } from './environment';
import { noEntries } from './fields';
import { fieldsOf, type Field, type Fields, type ValueType } from './field-model';
import { interpolate, type Interpolation } from './interpolate';
import { maskText } from './mask';
import { suggestion } from './nearest-name';
import type { Path } from './path';

/** The value of a field that was found wrong: nothing more is said about it. */
const BROKEN = Symbol('broken');
/** The field was left out in words (`cache:` and nothing): its default stands. */
const ABSENT = Symbol('absent');

/** Characters of a wrong value that a message repeats. */
const MAX_SHOWN = 60;

/** Unknown keys that a near name is looked for: the comparison is slow, and nobody reads more. */
const MAX_SUGGESTIONS = 100;

/** One field while it is read. */
interface Reading {
  readonly field: Field;
  readonly node: Node | null;
  readonly path: Path;
}

/** Makes section objects from a document. Collects everything that is wrong instead of stopping at the first. */
export class Binder {
  readonly troubles: Trouble[] = [];
  /** Values of secret fields, to be blanked out of every message. */
  readonly secrets = new Set<string>();

  constructor(
    private readonly document: ConfigDocument,
    private readonly variables: Variables,
  ) {}

  bind<T extends object>(type: Type<T>, node: Node | null, path: Path): T {
    const section = new type();
    const fields = fieldsOf(type);
    const resolved = this.document.resolve(node);
    const entriesField = [...fields.values()].find((field) => field.shape.kind === 'entries');
    if (entriesField) {
      const value = this.mapOf({ field: entriesField, node, path });
      Object.assign(section, { [entriesField.name]: typeof value === 'symbol' ? noEntries<object>() : value });
      return section;
    }
    if (!isMap(resolved)) {
      if (!isNothing(resolved)) this.report(path, SECTION_WANTED, resolved);
      else if (!this.document.isExhausted)
        this.judge(section, { fields, nodes: new Map(), broken: new Set(), path, at: node });
      return section;
    }
    const nodes = new Map<string, Node | null>();
    const broken = new Set<string>();
    for (const entry of this.document.entries(resolved, path)) {
      const field = fields.get(entry.key);
      if (!field) {
        this.reportUnknown(entry, fields, path);
        continue;
      }
      nodes.set(field.name, entry.value ?? resolved);
      const value = this.read({ field, node: entry.value, path: [...path, field.name] });
      if (value === BROKEN) broken.add(field.name);
      else if (value !== ABSENT) Object.assign(section, { [field.name]: value });
    }
    this.judge(section, { fields, nodes, broken, path, at: node });
    return section;
  }

  private read(reading: Reading): unknown {
    const node = this.document.resolve(reading.node);
    const { kind, type } = reading.field.shape;
    if (isNothing(node)) {
      if (type) return ABSENT;
      return this.broken(reading, 'has no value; write one or remove the line');
    }
    if (kind === 'section' && type) return this.sectionOf(reading, type());
    if (kind === 'map' || kind === 'entries') return this.mapOf(reading);
    if (kind === 'list') return this.listOf(reading);
    if (reading.field.valueType === 'list') return this.valuesOf(reading);
    return this.scalarOf(reading);
  }

  private sectionOf(reading: Reading, type: Type<object>): unknown {
    return this.bind(type, reading.node, reading.path);
  }

  private mapOf(reading: Reading): unknown {
    const node = this.document.resolve(reading.node);
    const type = reading.field.shape.type?.();
    if (isNothing(node)) return ABSENT;
    if (!isMap(node) || !type) return this.broken(reading, SECTION_WANTED);
    const map = noEntries<object>();
    for (const entry of this.document.entries(node, reading.path)) {
      const path = [...reading.path, entry.key];
      if (!isEntryName(entry.key)) {
        this.troubles.push({ path, message: NAME_WANTED, offset: entry.keyOffset });
        continue;
      }
      map[entry.key] = this.bind(type, entry.value, path);
    }
    return map;
  }

  private listOf(reading: Reading): unknown {
    const node = this.document.resolve(reading.node);
    const type = reading.field.shape.type?.();
    if (!isSeq(node) || !type) return this.broken(reading, 'must be a list; begin each element with "- "');
    return (node.items as Node[]).map((item, index) => this.bind(type, item, [...reading.path, index]));
  }

  private valuesOf(reading: Reading): unknown {
    const node = this.document.resolve(reading.node);
    if (!isSeq(node)) return this.broken(reading, 'must be a list; write for example [first, second]');
    const isNumeric = reading.field.constraints.some((constraint) => constraint.name === 'areFractions');
    const element: Field = {
      ...reading.field,
      valueType: isNumeric ? 'number' : 'text',
    };
    const values = (node.items as Node[]).map((item, index) =>
      this.scalarOf({ field: element, node: item, path: [...reading.path, index] }),
    );
    if (values.includes(BROKEN)) return BROKEN;
    const repeated = values.findIndex((value, index) => values.indexOf(value) !== index);
    if (repeated < 0) return values;
    const path = [...reading.path, repeated];
    const item = node.items[repeated] as Node;
    return this.broken({ field: element, node: item, path }, `${this.show(element, item)} is listed twice; remove one`);
  }

  private scalarOf(reading: Reading): unknown {
    const node = this.document.resolve(reading.node);
    if (isNothing(node)) return this.broken(reading, 'has no value; write one or remove the line');
    if (!isScalar(node)) return this.broken(reading, 'must be a single value');
    const value = typeof node.value === 'string' ? this.interpolated(reading, node, node.value) : node.value;
    if (value === BROKEN) return BROKEN;
    const shown = this.show(reading.field, node);
    if (reading.field.shape.kind === 'duration') {
      const milliseconds = typeof value === 'string' ? parseDuration(value) : null;
      return milliseconds ?? this.broken(reading, `${shown} is not a duration; write for example 3s or 500ms`);
    }
    if (reading.field.shape.kind === 'decimal') return decimalText(node, value);
    if (reading.field.valueType === 'text' && reading.field.shape.kind === 'value' && typeof value !== 'string')
      return this.broken(reading, `${shown} must be text; put it in quotes`);
    return value;
  }

  private interpolated(reading: Reading, node: Scalar, source: string): unknown {
    const result = interpolate(source, this.variables);
    for (const name of result.usedVariables) if (isSecretName(name)) this.secrets.add(this.variables[name] ?? '');
    for (const problem of result.problems) this.report(reading.path, problem, node);
    if (result.problems.length > 0) return BROKEN;
    if (reading.field.shape.secret) return this.secretOf(reading, result);
    return result.isReplaced ? typed(result.text, reading.field.valueType) : result.text;
  }

  private secretOf(reading: Reading, { text, emptyVariables: [variable] }: Interpolation): unknown {
    if (text.trim() === '') {
      const what = variable === undefined ? 'is empty' : `environment variable ${variable} is empty`;
      return this.broken(reading, `${what}; give it a value`);
    }
    this.secrets.add(text);
    return text === text.trim() ? text : this.broken(reading, 'begins or ends with a blank or a line break; remove it');
  }

  /** What the validators say of a section whose fields are all read. */
  private judge(
    section: object,
    seen: { fields: Fields; nodes: Map<string, Node | null>; broken: Set<string>; path: Path; at: Node | null },
  ): void {
    const errors = validateSync(section, { forbidUnknownValues: false });
    for (const error of errors) {
      const field = seen.fields.get(error.property);
      if (!field || seen.broken.has(field.name)) continue;
      const path = [...seen.path, field.name];
      const node = seen.nodes.get(field.name);
      if (node === undefined) this.report(path, 'is required; add it', seen.at);
      else this.report(path, this.sentence(field, node, complaint(field, error)), node);
    }
  }

  private sentence(field: Field, node: Node | null, words: string): string {
    const resolved = this.document.resolve(node);
    return isScalar(resolved) ? `${this.show(field, resolved)} ${words}` : words;
  }

  /** A value as the operator wrote it, so before any variable was put in, and never a secret's. */
  private show(field: Field, node: Node): string {
    if (field.shape.secret || !isScalar(node)) return 'the value';
    if (typeof node.value !== 'string') return (node.source ?? String(node.value)).slice(0, MAX_SHOWN);
    const masked = maskText(node.value);
    return JSON.stringify(masked.length > MAX_SHOWN ? `${masked.slice(0, MAX_SHOWN)}…` : masked);
  }

  private reportUnknown(entry: Entry, fields: Fields, path: Path): void {
    const names = [...fields.keys()];
    const near = this.troubles.length < MAX_SUGGESTIONS ? suggestion(entry.key, names) : '';
    const mend = near === '' ? `; known here: ${names.join(', ')}` : near;
    this.troubles.push({
      path: [...path, entry.key],
      message: `is not a known setting${mend}`,
      offset: entry.keyOffset,
    });
  }

  private broken(reading: Reading, message: string): typeof BROKEN {
    this.report(reading.path, message, reading.node);
    return BROKEN;
  }

  private report(path: Path, message: string, node: Node | null): void {
    this.troubles.push({ path, message, offset: node ? offsetOf(node) : this.document.locate(path) });
  }
}

const SECTION_WANTED = 'must be a section of "name: value" lines';
const NAME_WANTED = 'is not a usable name; write at most 256 characters without blanks';

/** By its name a variable holds a secret, wherever in the file it is used. */
const isSecretName = (name: string): boolean => /KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|DSN|URL/i.test(name);

const isNothing = (node: Node | null): boolean => node === null || (isScalar(node) && node.value === null);

const isEntryName = (name: string): boolean =>
  name.length <= 256 && /^[^\s\p{Cc}]+$/u.test(name) && name !== '__proto__';

/** A variable always holds text: it becomes what the field wants, when it reads like that. */
function typed(text: string, wanted: ValueType): unknown {
  if (wanted === 'number' && /^[+-]?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (wanted === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** The digits as they are written: a float would lose some. */
function decimalText(node: Scalar, value: unknown): string {
  return typeof value === 'number' ? (node.source ?? String(value)) : String(value);
}
