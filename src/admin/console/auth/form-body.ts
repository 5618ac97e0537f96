import type { Request, RequestHandler } from 'express';
import { InvalidRequestError } from '../../../core/errors';
import { readBody } from '../../../platform/http/body-reader';

/** The largest form is a configuration file to check. */
const MAX_BYTES = 512 * 1024;
const MAX_FIELDS = 500;
const FORM = 'application/x-www-form-urlencoded';

/** Reads forms, and nothing but forms: a JSON body never reaches a page. */
export const formBody: RequestHandler = async (request, _response, next) => {
  if (request.method === 'POST') {
    request.body = {};
    // What this throws Express hands to the error page.
    if (request.is(FORM)) await read(request);
  }
  next();
};

async function read(request: Request): Promise<void> {
  const text = (await readBody(request, MAX_BYTES)).toString('utf8');
  const form: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  const parameters = new URLSearchParams(text);
  if (parameters.size > MAX_FIELDS) throw new InvalidRequestError(`A form has at most ${MAX_FIELDS} fields.`);
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    form[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  request.body = form;
}
