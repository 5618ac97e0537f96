import type { Type } from '@nestjs/common';

/** How a field of a section class is read from YAML, beyond what its validators say. */
export interface FieldShape {
  /** `entries`: the keys of the section itself are the entries of this field. */
  readonly kind: 'value' | 'duration' | 'decimal' | 'section' | 'list' | 'map' | 'entries';
  /** The class of the section, or of each element or entry. */
  readonly type?: () => Type<object>;
  /** Never printed. */
  readonly secret?: boolean;
  /** A change takes effect only when the process is started again. */
  readonly fixedAtBoot?: boolean;
}

const SHAPES = Symbol('configuration fields');

type Shapes = Map<string, FieldShape>;

/** The shapes declared by the decorators of this file, by field name. */
export function fieldShapes(type: Type<object>): ReadonlyMap<string, FieldShape> {
  return (Reflect.getMetadata(SHAPES, type) as Shapes | undefined) ?? new Map<string, FieldShape>();
}

function shaped(shape: Partial<FieldShape>): PropertyDecorator {
  return (prototype, property) => {
    const type = prototype.constructor;
    const inherited = Reflect.getMetadata(SHAPES, type) as Shapes | undefined;
    const shapes = (Reflect.getOwnMetadata(SHAPES, type) as Shapes | undefined) ?? new Map(inherited);
    const known = shapes.get(String(property));
    shapes.set(String(property), { kind: 'value', ...known, ...shape });
    Reflect.defineMetadata(SHAPES, shapes, type);
  };
}

/** A duration in YAML (`3s`, `500ms`, `2m`, `1h`), a number of milliseconds in the class. */
export const Duration = (): PropertyDecorator => shaped({ kind: 'duration' });

/** A decimal number or its text in YAML, a decimal text in the class, so that no digit is lost. */
export const Decimal = (): PropertyDecorator => shaped({ kind: 'decimal' });

/** A nested section. */
export const Section = (type: () => Type<object>): PropertyDecorator => shaped({ kind: 'section', type });

/** A list of sections. */
export const ListOf = (type: () => Type<object>): PropertyDecorator => shaped({ kind: 'list', type });

/** A map from a name to a section. Its object has no prototype, so that a client's text is safe as a key. */
export const MapOf = (type: () => Type<object>): PropertyDecorator => shaped({ kind: 'map', type });

/** Like `MapOf`, for a section whose own keys are the names. */
export const Entries = (type: () => Type<object>): PropertyDecorator => shaped({ kind: 'entries', type });

/** The empty map that an absent one is; without a prototype like the others. */
export const noEntries = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

/** A value that never appears in a message, a log or an answer. */
export const Secret = (): PropertyDecorator => shaped({ secret: true });

/** A value that a reload cannot change: the reload says that a restart is needed. */
export const FixedAtBoot = (): PropertyDecorator => shaped({ fixedAtBoot: true });
