import { ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';
import { InvalidRequestError } from '../core/errors';

/** More problems than this are not read by anyone. */
const MAX_PROBLEMS = 20;

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Checks bodies and queries of the management API against their class. Unknown fields are refused; the error names all problems. */
class ManagementValidationPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      transform: true,
      transformOptions: { exposeUnsetFields: false },
      exceptionFactory: (errors) => toInvalidRequest(errors),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body') {
      if (value !== undefined && !isObject(value)) throw new InvalidRequestError('The body must be a JSON object.');
      refuseHiddenFields(value, '');
    }
    return (await super.transform(value, metadata)) as unknown;
  }
}

export const managementValidation = (): ValidationPipe => new ManagementValidationPipe();

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** class-transformer drops these in silence, before anyone could refuse them. */
const HIDDEN = new Set(['__proto__', 'constructor']);

/** Nothing that the management API takes is nested deeper than this. */
const MAX_DEPTH = 10;

function refuseHiddenFields(value: unknown, path: string, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new InvalidRequestError('The body is nested too deep.');
  for (const [name, inner] of Object.entries(value)) {
    const at = pathOf(path, name);
    if (HIDDEN.has(name)) throw new InvalidRequestError(`${at} is not a known field.`, at);
    refuseHiddenFields(inner, at, depth + 1);
  }
}

function toInvalidRequest(errors: readonly ValidationError[]): InvalidRequestError {
  const problems = errors.flatMap((error) => problemsOf(error, ''));
  const first = problems[0];
  if (!first) return new InvalidRequestError('The body must be a JSON object.');
  const shown = problems.slice(0, MAX_PROBLEMS).map(({ message }) => message);
  return new InvalidRequestError(`${shown.join('; ')}.`, first.path);
}

function problemsOf(error: ValidationError, parent: string): Problem[] {
  if (error.property === undefined) return [];
  const path = pathOf(parent, error.property);
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    path,
    message: rule === 'whitelistValidation' ? `${path} is not a known field` : withPath(message, error.property, path),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => problemsOf(child, path))];
}

const pathOf = (parent: string, property: string): string => {
  if (parent === '') return property;
  return /^\d+$/.test(property) ? `${parent}[${property}]` : `${parent}.${property}`;
};

/** class-validator names the last step of the way only. */
const withPath = (message: string, property: string, path: string): string =>
  message.startsWith(property) ? path + message.slice(property.length) : message;
