import type { Variables } from './environment';

/** The result of replacing `${…}` in one scalar. */
export interface Interpolation {
  readonly text: string;
  /** Whether anything was replaced. */
  readonly isReplaced: boolean;
  /** Variables whose values are in the text. */
  readonly usedVariables: readonly string[];
  /** Variables that were used and are set, but hold nothing. */
  readonly emptyVariables: readonly string[];
  /** What is wrong, each continuing the path of the scalar. */
  readonly problems: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([\s\S]*))?$/;

/**
 * Replaces `${V}`, `${V:-default}` and `${V:?message}` in a scalar that has been parsed, so that no value can change the
 * structure of the file. As in a shell, `:` treats an empty variable like one that is not set. `$${` stands for `${`.
 */
export function interpolate(source: string, variables: Variables): Interpolation {
  const emptyVariables: string[] = [];
  const usedVariables: string[] = [];
  const problems: string[] = [];
  let isReplaced = false;
  const text = source.replace(REFERENCE, (whole, inside = '', closing = '') => {
    if (whole === '$${') return '${';
    isReplaced = true;
    const reference = closing === '}' ? readReference(inside) : null;
    if (!reference) problems.push(NOT_A_REFERENCE);
    const found = reference ? lookUp(reference, variables) : { value: '' };
    if (found.problem !== undefined) problems.push(found.problem);
    if (reference && found.isEmptyVariable) emptyVariables.push(reference.name);
    if (reference && found.isVariable) usedVariables.push(reference.name);
    return found.value;
  });
  return { text, isReplaced, usedVariables, emptyVariables, problems };
}

const NOT_A_REFERENCE = 'has a "${" that is no variable; write ${NAME} or ${NAME:-default}, or $${ for a literal "${"';

interface Reference {
  readonly name: string;
  readonly operator: string;
  readonly argument: string;
}

interface Found {
  readonly value: string;
  readonly isVariable?: boolean;
  readonly isEmptyVariable?: boolean;
  readonly problem?: string;
}

function readReference(inside: string): Reference | null {
  const parts = INSIDE.exec(inside);
  return parts && { name: parts[1] ?? '', operator: parts[2] ?? '', argument: parts[3] ?? '' };
}

function lookUp({ name, operator, argument }: Reference, variables: Variables): Found {
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (value !== undefined && value !== '') return { value, isVariable: true };
  if (value === '' && !operator.startsWith(':')) return { value, isEmptyVariable: true };
  if (operator.endsWith('-')) return { value: argument };
  const problem =
    operator.endsWith('?') && argument !== ''
      ? `environment variable ${name} is not set: ${argument}`
      : `environment variable ${name} is not set; set it, or write \${${name}:-default}`;
  return { value: '', problem };
}
