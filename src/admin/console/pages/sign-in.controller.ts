import { applyDecorators, Body, Get, Post, Query as Parameters, Res, UseGuards } from '@nestjs/common';
import { Throttle } from '@nestjs/throttler';
import type { Request, Response } from 'express';
import { InvalidRequestError } from '../../../core/errors';
import { MAX_PASSWORD_LENGTH, requireStrongPassword } from '../../authority/strong-password';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { ConsoleSessions } from '../auth/console-sessions';
import { insideOnly } from '../auth/inside-only';
import { SignInService } from '../auth/sign-in.service';
import { SignInThrottlerGuard } from '../auth/sign-in-throttler.guard';
import { UserManagement } from '../../management/user-management';
import { Pages, viewerIn } from '../render/pages';
import { problemOf, textOf, type Query } from './fields';

const HOME = '/admin';
/** From one address, which an office may share. */
const PASSWORDS_PER_MINUTE = 120;
const TriesPassword = (): MethodDecorator =>
  applyDecorators(UseGuards(SignInThrottlerGuard), Throttle({ default: { ttl: 60_000, limit: PASSWORDS_PER_MINUTE } }));

@ConsoleController()
export class SignInController {
  constructor(
    private readonly pages: Pages,
    private readonly signIns: SignInService,
    private readonly sessions: ConsoleSessions,
    private readonly users: UserManagement,
  ) {}

  @Get('sign-in')
  @Permit('public')
  form(@Parameters() query: Query, @Res() response: Response): void {
    if (response.locals['viewer']) {
      response.redirect(303, HOME);
      return;
    }
    this.pages.signIn(response, { status: 200, next: insideOnly(textOf(query, 'next')) });
  }

  @Post('sign-in')
  @TriesPassword()
  @Permit('public')
  async signIn(@Body() form: Query, @Res() response: Response): Promise<void> {
    const email = textOf(form, 'email') ?? '';
    const password = typeof form['password'] === 'string' ? form['password'].slice(0, MAX_PASSWORD_LENGTH) : '';
    const next = insideOnly(textOf(form, 'next'));
    if (email === '' || password === '') {
      this.pages.signIn(response, { status: 400, next, email, problem: 'Enter your email address and your password.' });
      return;
    }
    const result = await this.signIns.signIn(response, email, password);
    if (result.outcome === 'signed_in') {
      response.redirect(303, next === '' ? HOME : next);
      return;
    }
    if (result.outcome === 'wait') {
      const seconds = Math.ceil(result.waitMs / 1000);
      response.setHeader('retry-after', seconds);
      const problem = `Too many attempts for this account. Try again in ${durationOf(seconds)}.`;
      this.pages.signIn(response, { status: 429, next, email, problem });
      return;
    }
    this.pages.signIn(response, { status: 401, next, email, problem: 'The email address or the password is wrong.' });
  }

  @Post('sign-out')
  @Permit('signed_in')
  async signOut(@Res() response: Response): Promise<void> {
    await this.sessions.end(response.req as Request);
    response.redirect(303, `${HOME}/sign-in`);
  }

  /** Every session of this person, here and elsewhere. */
  @Post('sign-out-everywhere')
  @Permit('signed_in')
  async signOutEverywhere(@Res() response: Response): Promise<void> {
    await this.sessions.endAll(viewerIn(response).id);
    await this.sessions.end(response.req as Request);
    response.redirect(303, `${HOME}/sign-in`);
  }

  @Get('account')
  @Permit('signed_in')
  account(@Parameters() query: Query, @Res() response: Response): void {
    const notice = query['changed'] === undefined ? undefined : 'Your password has been changed.';
    this.pages.show(response, 'account', { title: 'Your account', ...(notice === undefined ? {} : { notice }) });
  }

  /** Ends all other sessions: whoever knew the old password is out. */
  @Post('account/password')
  @TriesPassword()
  @Permit('signed_in')
  async changePassword(@Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    try {
      const wanted = newPassword(form, [viewer.email, viewer.name]);
      const current = typeof form['current_password'] === 'string' ? form['current_password'] : '';
      const result = await this.signIns.signIn(response, viewer.email, current);
      if (result.outcome !== 'signed_in') {
        throw new InvalidRequestError('This is not your current password.', 'current_password');
      }
      await this.users.changeOwnPassword(viewer, wanted);
      await this.sessions.begin(response.req as Request, viewer.id);
    } catch (error) {
      this.pages.show(response, 'account', { title: 'Your account', problem: problemOf(error) }, 400);
      return;
    }
    response.redirect(303, `${HOME}/account?changed`);
  }
}

/** The new password of a form. Throws `InvalidRequestError` when it is too weak; `names` are the account's own. */
export function newPassword(form: Query, names: readonly string[]): string {
  const password = typeof form['password'] === 'string' ? form['password'] : '';
  requireStrongPassword(password, names);
  return password;
}

const durationOf = (seconds: number): string =>
  seconds < 90 ? `${seconds} second${seconds === 1 ? '' : 's'}` : `${Math.ceil(seconds / 60)} minutes`;
