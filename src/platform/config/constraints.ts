import type { ValidationError } from 'class-validator';
import { formatDuration } from './duration';
import type { Constraint, Field } from './field-model';
import { suggestion } from './nearest-name';

/** How the rules of class-validator are said to an operator, in the order in which one is picked when several are broken. */
const SAYINGS: Readonly<Record<string, (args: readonly unknown[], field: Field, value: unknown) => string>> = {
  isString: () => 'must be text; put it in quotes',
  isInt: () => 'must be a whole number',
  isNumber: () => 'must be a number',
  isBoolean: () => 'must be true or false',
  isIn: ([allowed], _field, value) => {
    const names = (allowed as readonly unknown[]).map(String);
    return `must be one of ${names.join(', ')}${suggestion(String(value), names)}`;
  },
  isNotEmpty: () => 'is empty; write a value or remove the line',
  arrayNotEmpty: () => 'is empty; list at least one',
  min: ([least], field) => `must be ${amount(field, least)} or more`,
  max: ([most], field) => `must be ${amount(field, most)} or less`,
};

const ORDER = Object.keys(SAYINGS);

/** What is wrong with the value of a field, in words that continue its path, and how to mend it. */
export function complaint(field: Field, error: ValidationError): string {
  const broken = field.constraints
    .filter((constraint) => error.constraints?.[constraint.name] !== undefined)
    .sort((first, second) => rank(first) - rank(second))[0];
  if (!broken) return 'cannot be used';
  const say = SAYINGS[broken.name];
  return say ? say(broken.args, field, error.value) : (error.constraints?.[broken.name] ?? 'cannot be used');
}

function rank(constraint: Constraint): number {
  const index = ORDER.indexOf(constraint.name);
  return index < 0 ? ORDER.length : index;
}

function amount(field: Field, value: unknown): string {
  return field.shape.kind === 'duration' ? formatDuration(Number(value)) : String(value);
}
