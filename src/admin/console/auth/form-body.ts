import type { Request, RequestHandler } from 'express';
import { InvalidRequestError } from '../../../core/errors';
import { readBody } from '../../../platform/http/body-reader';

/** The largest form that anybody may send is a configuration file to check. */
const MAX_BYTES = 512 * 1024;
const MAX_FIELDS = 500;
const FORM = 'application/x-www-form-urlencoded';

/** A form with a text as long as the management API takes it: of who is signed in, and of nobody else. */
interface LongForm {
  readonly path: string;
  readonly textBytes: number;
}

/** Reads forms, and nothing but forms: a JSON body never reaches a page. */
export function formBody(long: LongForm): RequestHandler {
  // A form writes a byte as three at most.
  const longBytes = MAX_BYTES + 3 * long.textBytes;
  return async (request, _response, next) => {
    if (request.method === 'POST') {
      request.body = {};
      const isLong = request.path.startsWith(long.path) && request.session.userId !== undefined;
      // What this throws Express hands to the error page.
      if (request.is(FORM)) await read(request, isLong ? longBytes : MAX_BYTES);
    }
    next();
  };
}

async function read(request: Request, maxBytes: number): Promise<void> {
  const text = (await readBody(request, maxBytes)).toString('utf8');
  const form: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  const parameters = new URLSearchParams(text);
  if (parameters.size > MAX_FIELDS) throw new InvalidRequestError(`A form has at most ${MAX_FIELDS} fields.`);
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    form[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  request.body = form;
}
