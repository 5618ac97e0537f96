import { Injectable } from '@nestjs/common';
import { doubleCsrf, type DoubleCsrfUtilities } from 'csrf-csrf';
import type { Request, Response } from 'express';
import { PermissionDeniedError } from '../../../core/errors';
import { ConsoleKeys } from './console-keys';
import { cookieNames } from './cookie-names';

/** Every change needs the token of the session that asks for it, and has to come from a page of this very origin. */
@Injectable()
export class Csrf {
  private readonly secure: DoubleCsrfUtilities;
  private readonly plain: DoubleCsrfUtilities;

  constructor(keys: ConsoleKeys) {
    const make = (isSecure: boolean): DoubleCsrfUtilities =>
      doubleCsrf({
        getSecret: () => keys.csrf,
        // Nobody is signed in yet on the sign-in page, and a visit must not write a session.
        getSessionIdentifier: (request) => (request.session.userId === undefined ? 'nobody' : request.sessionID),
        cookieName: cookieNames(isSecure).csrf,
        cookieOptions: { sameSite: 'strict', secure: isSecure, httpOnly: true, path: '/' },
        getCsrfTokenFromRequest: (request) => tokenOf(request),
      });
    this.secure = make(true);
    this.plain = make(false);
  }

  /** The token to put into the forms of a page. */
  token(request: Request, response: Response): string {
    return this.of(request).generateCsrfToken(request, response, { validateOnReuse: false });
  }

  /** Throws `PermissionDeniedError` when a change does not come from a page of ours. */
  require(request: Request): void {
    if (!isSameOrigin(request)) {
      throw new PermissionDeniedError('The request came from another site, so nothing was changed.', 'cross_origin');
    }
    if (this.of(request).validateRequest(request)) return;
    throw new PermissionDeniedError(
      'The form has expired, so nothing was changed. Go back, reload the page and send it again.',
      'csrf_token_invalid',
    );
  }

  private of(request: Request): DoubleCsrfUtilities {
    return request.secure ? this.secure : this.plain;
  }
}

function tokenOf(request: Request): string | undefined {
  const header = request.headers['x-csrf-token'];
  if (typeof header === 'string') return header;
  const field = (request.body as Record<string, unknown> | undefined)?.['_csrf'];
  return typeof field === 'string' ? field : undefined;
}

/** Browsers send at least one of the two with every POST; who sends neither is no browser, and still needs the token. */
function isSameOrigin(request: Request): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  const { origin } = request.headers;
  return origin === undefined || origin === `${request.protocol}://${request.headers.host ?? ''}`;
}
