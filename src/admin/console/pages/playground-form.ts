import { InvalidRequestError } from '../../../core/errors';
import { textOf, type Query } from './fields';

const MAX_TEXT_LENGTH = 100_000;
const MAX_OUTPUT_TOKENS = 128_000;
const MAX_TEMPERATURE = 2;

/** A chat call out of a form. Throws `InvalidRequestError` with the field that is wrong. */
export function chatBodyOf(form: Query, stream: boolean): object {
  const model = textOf(form, 'model');
  if (model === undefined) throw new InvalidRequestError('Choose a model.', 'model');
  const [prompt, system] = [longText(form, 'prompt'), longText(form, 'system')];
  if (prompt === '') throw new InvalidRequestError('Write what you want to ask.', 'prompt');
  const maxTokens = numberWithin(form, 'max_tokens', 1, MAX_OUTPUT_TOKENS);
  if (maxTokens !== undefined && !Number.isInteger(maxTokens)) {
    throw new InvalidRequestError('A whole number, please.', 'max_tokens');
  }
  const temperature = numberWithin(form, 'temperature', 0, MAX_TEMPERATURE);
  return {
    model,
    messages: [...(system === '' ? [] : [{ role: 'system', content: system }]), { role: 'user', content: prompt }],
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
  };
}

function longText(form: Query, name: string): string {
  const value = form[name];
  const text = typeof value === 'string' ? value.trim() : '';
  if (text.length <= MAX_TEXT_LENGTH) return text;
  throw new InvalidRequestError(`At most ${MAX_TEXT_LENGTH.toLocaleString('en-US')} characters.`, name);
}

function numberWithin(form: Query, name: string, least: number, most: number): number | undefined {
  const text = textOf(form, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value >= least && value <= most) return value;
  throw new InvalidRequestError(`A number from ${least} to ${most.toLocaleString('en-US')}.`, name);
}
