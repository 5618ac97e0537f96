import { ValidateBy } from 'class-validator';

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    // A pattern that is met by nothing at all would put its name between any two characters.
    return !new RegExp(value, 'gu').test('');
  } catch {
    return false;
  }
}

/** A regular expression that compiles and is not met by the empty text. */
export const IsPattern = (): PropertyDecorator =>
  ValidateBy({
    name: 'isPattern',
    validator: {
      validate: isPattern,
      defaultMessage: () =>
        'is not a regular expression of JavaScript that finds at least one character; write for example \\bE-\\d{6}\\b',
    },
  });
