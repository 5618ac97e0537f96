import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { InvalidRequestError } from '../core/errors';

/** More problems than this are not read by anyone. */
const MAX_PROBLEMS = 20;

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Checks bodies and queries of the management API against their class. Unknown fields are refused; the error names all problems. */
export const managementValidation = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    transformOptions: { exposeUnsetFields: false },
    exceptionFactory: (errors) => toInvalidRequest(errors),
  });

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
