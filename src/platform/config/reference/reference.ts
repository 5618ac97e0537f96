import type { Type } from '@nestjs/common';
import { formatDuration } from '../duration';
import { fieldsOf, type Field } from '../field-model';

/** The doc comment of a class or a field. */
export interface Comment {
  /** Paragraphs, each one line. */
  readonly text: string;
  /** What stands after `@example`: a value as YAML. */
  readonly example: string | null;
}

/** The doc comments of a class: its own, and those of its fields in the order of their declaration. */
export interface ClassComments {
  readonly own: Comment;
  readonly fields: ReadonlyMap<string, Comment>;
}

export type CommentsByClass = ReadonlyMap<string, ClassComments>;

/** One setting as the reference describes it. */
export interface SettingReference {
  readonly field: Field;
  readonly comment: Comment;
  /** As YAML; null when there is none. */
  readonly defaultText: string | null;
  readonly isRequired: boolean;
  /** The section it holds, or the section of each element or entry. */
  readonly section: SectionReference | null;
}

export interface SectionReference {
  readonly className: string;
  readonly comment: Comment;
  readonly settings: readonly SettingReference[];
}

/** Joins what the decorators of a section class say with its doc comments. Throws when a field has no doc comment. */
export function referenceOf(type: Type<object>, comments: CommentsByClass): SectionReference {
  const own = commentsOf(type, comments);
  const fields = fieldsOf(type);
  const names = [...own.fields.keys()].filter((name) => fields.has(name));
  const undocumented = [...fields.keys()].find((name) => !own.fields.has(name));
  if (undocumented !== undefined) throw new Error(`${type.name}.${undocumented} has no doc comment`);
  const defaults = new Map<string, unknown>(Object.entries(new type()));
  const settings = names.flatMap((name): SettingReference[] => {
    const field = fields.get(name);
    const comment = own.fields.get(name);
    return field && comment ? [settingOf(field, comment, defaults.get(name), comments)] : [];
  });
  return { className: type.name, comment: own.own, settings };
}

/** Its own comments, then those of the classes it extends. */
function commentsOf(type: Type<object>, comments: CommentsByClass): ClassComments {
  const own = comments.get(type.name);
  if (!own) throw new Error(`class ${type.name} has no doc comment`);
  const parent = Object.getPrototypeOf(type) as Type<object> | null;
  const inherited = parent?.name && comments.has(parent.name) ? commentsOf(parent, comments).fields : [];
  return { own: own.own, fields: new Map([...own.fields, ...inherited]) };
}

function settingOf(field: Field, comment: Comment, initial: unknown, comments: CommentsByClass): SettingReference {
  const nested = field.shape.type?.();
  const isFilled = hasRule(field, 'arrayNotEmpty');
  const hasDefault = initial !== undefined && !(isFilled && isEmptyList(initial));
  const isRequired = !field.isOptional && !hasDefault && (!nested || isFilled);
  return {
    field,
    comment,
    defaultText: nested || !hasDefault ? null : defaultText(field, initial),
    isRequired,
    section: nested ? referenceOf(nested, comments) : null,
  };
}

/** The values a field is restricted to; null when it is not. */
export function allowedValues(field: Field): readonly string[] | null {
  const rule = field.constraints.find((constraint) => constraint.name === 'isIn');
  return rule ? (rule.args[0] as readonly unknown[]).map(String) : null;
}

/** The argument of a rule such as `min`; undefined when the field has no such rule. */
export function argumentOf(field: Field, rule: string): unknown {
  return field.constraints.find((constraint) => constraint.name === rule)?.args[0];
}

export const hasRule = (field: Field, rule: string): boolean =>
  field.constraints.some((constraint) => constraint.name === rule);

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

function defaultText(field: Field, value: unknown): string | null {
  if (field.shape.kind === 'duration') return formatDuration(Number(value));
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
