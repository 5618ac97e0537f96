import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import { LiveConfig } from '../../../platform/config/live-config';
import { Csrf } from '../auth/csrf';
import { cookieNames, cookieOf } from '../auth/cookie-names';
import type { Viewer } from '../auth/viewer';
import { mayDo } from '../../authority/permissions';
import { SignInConfig } from '../auth/sign-in.config';
import { Assets } from './assets';
import { navigationOf } from './navigation';
import { Views } from './views';

export const ROLE_NAMES = {
  admin: 'Administrator',
  auditor: 'Auditor',
  team_lead: 'Team lead',
  member: 'Member',
} as const;
/** What the page after a change says of it. */
const DEEDS = {
  created: 'Created.',
  saved: 'Saved.',
  deleted: 'Deleted.',
  revoked: 'Revoked: it is refused everywhere within a second.',
  disabled: 'Disabled.',
  enabled: 'Enabled.',
  taken_back: 'Taken back: the price list is in force again.',
} as const;
type Deed = keyof typeof DEEDS;
/** A page that nobody asks for by then has nothing to say. */
const DEED_MS = 60_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/** What a view is given, beyond what the frame of every page has. */
export interface PageModel {
  readonly title: string;
  readonly [name: string]: unknown;
}

export interface SignInModel {
  readonly status: number;
  readonly next: string;
  readonly email?: string;
  readonly problem?: string;
}

/** The person a page is made for. The guard has seen to it that there is one. */
export function viewerIn(response: Response): Viewer {
  const { viewer } = response.locals as { viewer?: Viewer };
  if (!viewer) throw new Error('A page for nobody: the route has no guard.');
  return viewer;
}

/** Puts a view into the frame of the console and sends it. */
@Injectable()
export class Pages {
  private readonly views = new Views();

  constructor(
    private readonly csrf: Csrf,
    private readonly assets: Assets,
    private readonly config: LiveConfig,
  ) {}

  show(response: Response, view: string, model: PageModel, status = 200): void {
    const { viewer } = response.locals as { viewer?: Viewer };
    const frame = {
      ...this.frame(response),
      done: doneBefore(response),
      viewer,
      role: viewer ? ROLE_NAMES[viewer.role] : '',
      navigation: viewer ? navigationOf(viewer, response.req.path) : [],
      may: viewer ? { writeKeys: mayDo(viewer.role, 'keys.write'), rotateKeys: mayDo(viewer.role, 'keys.rotate') } : {},
      ...model,
    };
    this.send(response, status, this.views.render('layout', { ...frame, content: this.views.render(view, frame) }));
  }

  /** After a change: on to a page, which says what was done. */
  done(response: Response, address: string, deed: Deed): void {
    const { secure } = response.req;
    const options = { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: DEED_MS } as const;
    response.cookie(cookieNames(secure).done, deed, options);
    response.redirect(303, address);
  }

  signIn(response: Response, model: SignInModel): void {
    const host = response.req.headers.host ?? '';
    const isExposed = !response.req.secure && !LOOPBACK.test(host);
    const hasProvider = this.config.section(SignInConfig).oidc !== undefined;
    const companyHref = hasProvider
      ? `/admin/sign-in/oidc?${new URLSearchParams({ next: model.next }).toString()}`
      : null;
    const frame = { ...this.frame(response), title: 'Sign in', isExposed, companyHref, ...model };
    this.send(
      response,
      model.status,
      this.views.render('bare', { ...frame, content: this.views.render('sign-in', frame) }),
    );
  }

  /** After a sign-in elsewhere: a page that leads on by itself. */
  signedIn(response: Response, next: string): void {
    const frame = { ...this.frame(response), title: 'Signed in', next, refreshTo: next };
    this.send(response, 200, this.views.render('bare', { ...frame, content: this.views.render('signed-in', frame) }));
  }

  private frame(response: Response) {
    const request = response.req;
    const wanted = cookieOf(request, 'gw_theme');
    return {
      csrf: this.csrf.token(request, response),
      asset: this.assets.urls,
      theme: wanted === 'light' || wanted === 'dark' ? wanted : 'auto',
    };
  }

  private send(response: Response, status: number, html: string): void {
    response.status(status).type('html').send(html);
  }
}

/** Once: a page that is loaded anew does not say it again. */
function doneBefore(response: Response): string | null {
  const { secure } = response.req;
  const name = cookieNames(secure).done;
  const deed = cookieOf(response.req, name);
  if (deed === undefined) return null;
  response.clearCookie(name, { httpOnly: true, sameSite: 'strict', secure, path: '/' });
  return Object.hasOwn(DEEDS, deed) ? DEEDS[deed as Deed] : null;
}
