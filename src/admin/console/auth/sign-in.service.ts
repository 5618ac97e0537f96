import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { UsersService } from '../../../access';
import { OverloadedError } from '../../../core/errors';
import { clientAddress } from '../../../platform/http/client-address';
import { ConsoleKeys } from './console-keys';
import { ConsoleSessions } from './console-sessions';
import { cookieNames, cookieOf } from './cookie-names';
import { SignInThrottle } from './sign-in-throttle';

/** A guess takes 128 MiB and a second of one core. */
const MAX_RUNNING = 2;
const MAX_WAITING = 20;
const DEVICE_DAYS = 180;

export type SignInResult =
  | { readonly outcome: 'signed_in' }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'wait'; readonly waitMs: number };

/** Local accounts. Whether an account exists cannot be told from the answer, its time, or its waiting. */
@Injectable()
export class SignInService {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly users: UsersService,
    private readonly sessions: ConsoleSessions,
    private readonly throttle: SignInThrottle,
    private readonly keys: ConsoleKeys,
  ) {}

  async signIn(response: Response, email: string, password: string): Promise<SignInResult> {
    const request = response.req as Request;
    const account = email.trim().toLowerCase();
    const { device: deviceCookie } = cookieNames(request.secure);
    const device = this.keys.readDevice(account, cookieOf(request, deviceCookie));
    const source = device === null ? { address: clientAddress(request) ?? '' } : { device };
    const waitMs = this.throttle.begin(account, source);
    if (waitMs > 0) return { outcome: 'wait', waitMs };
    const user = await this.oneAtATime(() => this.users.signIn(account, password));
    if (!user) return { outcome: 'refused' };
    this.throttle.succeeded(account, source);
    await this.sessions.begin(request, user.id);
    response.cookie(deviceCookie, this.keys.signDevice(account, device ?? randomBytes(16).toString('base64url')), {
      httpOnly: true,
      secure: request.secure,
      sameSite: 'strict',
      path: '/',
      maxAge: DEVICE_DAYS * 24 * 60 * 60_000,
    });
    return { outcome: 'signed_in' };
  }

  private async oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= MAX_RUNNING) {
      if (this.waiting.length >= MAX_WAITING) {
        throw new OverloadedError('Too many people are signing in at this moment. Try again in a few seconds.', 5_000);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }
}
