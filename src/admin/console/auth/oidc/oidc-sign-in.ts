import { Injectable } from '@nestjs/common';
import { PermissionDeniedError } from '../../../../core/errors';
import { LiveConfig } from '../../../../platform/config/live-config';
import { SignInConfig } from '../sign-in.config';
import { IdentityProvider } from './identity-provider';
import { OidcAccounts } from './oidc-accounts';
import { OidcFlows } from './oidc-flow';
import { personOf } from './person-of';

/** From the sign-in page to the identity provider and back. */
@Injectable()
export class OidcSignIn {
  constructor(
    private readonly provider: IdentityProvider,
    private readonly flows: OidcFlows,
    private readonly accounts: OidcAccounts,
    private readonly config: LiveConfig,
  ) {}

  /** Where to send the browser, and what it must keep until it comes back. */
  async begin(back: string, next: string): Promise<{ readonly address: string; readonly sealed: string }> {
    const { address, flow } = await this.provider.begin(back, next);
    return { address, sealed: this.flows.seal(flow) };
  }

  /** Who came back, and where they wanted to go. Throws `PermissionDeniedError` for who is not to be let in. */
  async finish(
    sealed: string | undefined,
    query: string,
    address: string | null,
  ): Promise<{ readonly userId: string; readonly next: string }> {
    const flow = this.flows.open(sealed);
    const { oidc } = this.config.section(SignInConfig);
    if (!flow || !oidc) {
      throw new PermissionDeniedError('This sign-in was not begun here, or took too long. Begin again.', 'no_flow');
    }
    const person = personOf(await this.provider.finish(flow, query), oidc);
    return { userId: await this.accounts.signIn(person, oidc.default_role, address), next: flow.next };
  }
}
