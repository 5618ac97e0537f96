import { applyDecorators, Body, Get, Post, Query as Parameters, Res, UseGuards } from '@nestjs/common';
import { Throttle } from '@nestjs/throttler';
import type { Request, Response } from 'express';
import { UsersService } from '../../../access';
import { InvalidRequestError } from '../../../core/errors';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { ConsoleSessions } from '../auth/console-sessions';
import { SignInService } from '../auth/sign-in.service';
import { SignInThrottlerGuard } from '../auth/sign-in-throttler.guard';
import { Pages, viewerIn } from '../render/pages';
import { problemOf, textOf, type Query } from './fields';

const HOME = '/admin';
/** Only back into the console: never to another site, and never to what acts. */
const INSIDE = /^\/admin(?:[/?][\w\-./?=&%:+,~]*)?$/;
const MIN_PASSWORD_LENGTH = 12;
const MAX_PASSWORD_LENGTH = 256;
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
    private readonly users: UsersService,
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
      const wanted = newPassword(form);
      const current = typeof form['current_password'] === 'string' ? form['current_password'] : '';
      const result = await this.signIns.signIn(response, viewer.email, current);
      if (result.outcome !== 'signed_in') {
        throw new InvalidRequestError('This is not your current password.', 'current_password');
      }
      await this.users.setPassword(viewer.id, wanted);
      await this.sessions.endAll(viewer.id);
      await this.sessions.begin(response.req as Request, viewer.id);
    } catch (error) {
      this.pages.show(response, 'account', { title: 'Your account', problem: problemOf(error) }, 400);
      return;
    }
    response.redirect(303, `${HOME}/account?changed`);
  }
}

/** The new password of a form. Throws `InvalidRequestError` when it is too weak. */
export function newPassword(form: Query): string {
  const password = form['password'];
  if (typeof password !== 'string' || password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
    throw new InvalidRequestError(
      `A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters. Four words that do not belong together are a good one.`,
      'password',
    );
  }
  if (new Set(password).size < 5) {
    throw new InvalidRequestError('This password is too easy to guess: use more different characters.', 'password');
  }
  return password;
}

const insideOnly = (next: string | undefined): string =>
  next !== undefined && INSIDE.test(next) && !next.includes('sign-') ? next : '';

const durationOf = (seconds: number): string =>
  seconds < 90 ? `${seconds} second${seconds === 1 ? '' : 's'}` : `${Math.ceil(seconds / 60)} minutes`;
