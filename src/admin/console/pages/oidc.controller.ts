import { Get, Query as Parameters, Res } from '@nestjs/common';
import type { CookieOptions, Request, Response } from 'express';
import { clientAddress } from '../../../platform/http/client-address';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { ConsoleSessions } from '../auth/console-sessions';
import { cookieNames, cookieOf } from '../auth/cookie-names';
import { insideOnly } from '../auth/inside-only';
import { FLOW_MS } from '../auth/oidc/oidc-flow';
import { OidcSignIn } from '../auth/oidc/oidc-sign-in';
import { Pages } from '../render/pages';
import { textOf, type Query } from './fields';

const CALLBACK = '/admin/sign-in/oidc/callback';

/** Sign-in at the company's identity provider. */
@ConsoleController('sign-in/oidc')
export class OidcController {
  constructor(
    private readonly pages: Pages,
    private readonly signIns: OidcSignIn,
    private readonly sessions: ConsoleSessions,
  ) {}

  @Get()
  @Permit('public')
  async begin(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const request = response.req as Request;
    const back = `${request.protocol}://${request.headers.host ?? ''}${CALLBACK}`;
    const { address, sealed } = await this.signIns.begin(back, insideOnly(textOf(query, 'next')));
    response.cookie(cookieNames(request.secure).oidc, sealed, { ...optionsOf(request), maxAge: FLOW_MS });
    response.redirect(303, address);
  }

  /** Browsers keep the session's cookie from a navigation that another site began: a page of ours leads on. */
  @Get('callback')
  @Permit('public')
  async callback(@Res() response: Response): Promise<void> {
    const request = response.req as Request;
    const { oidc: name } = cookieNames(request.secure);
    response.clearCookie(name, optionsOf(request));
    const { search } = new URL(request.originalUrl, 'http://console');
    const { userId, next } = await this.signIns.finish(cookieOf(request, name), search, clientAddress(request));
    await this.sessions.begin(request, userId);
    this.pages.signedIn(response, next === '' ? '/admin' : next);
  }
}

/** Lax: it must come along when the identity provider sends the browser back. */
const optionsOf = ({ secure }: Request): CookieOptions => ({ httpOnly: true, sameSite: 'lax', secure, path: '/' });
