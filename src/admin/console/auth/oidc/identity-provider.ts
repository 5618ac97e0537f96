import { Injectable, Logger } from '@nestjs/common';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  type Configuration,
} from 'openid-client';
import { GatewayError, PermissionDeniedError } from '../../../../core/errors';
import { LiveConfig } from '../../../../platform/config/live-config';
import { SignInConfig, type OidcConfig } from '../sign-in.config';
import type { Flow } from './oidc-flow';

/** What the identity provider says of a person. */
export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly [name: string]: unknown;
}

class IdentityProviderError extends GatewayError {
  constructor(cause: unknown) {
    super(
      503,
      'identity_provider_unavailable',
      'api_error',
      'The identity provider could not be asked. Try again soon; local accounts work meanwhile.',
      { cause },
    );
  }
}

/** The company's OpenID provider: authorization code with PKCE, state and nonce. */
@Injectable()
export class IdentityProvider {
  private readonly logger = new Logger('SignIn');
  private known: { readonly config: OidcConfig; readonly provider: Promise<Configuration> } | null = null;

  constructor(private readonly config: LiveConfig) {}

  /** Where to send the browser, and what it must come back with. Throws a 503 when the provider cannot be reached. */
  async begin(redirectUrl: string, next: string): Promise<{ readonly address: string; readonly flow: Flow }> {
    const provider = await this.provider();
    const flow = {
      state: randomState(),
      nonce: randomNonce(),
      verifier: randomPKCECodeVerifier(),
      redirectUrl: this.settings?.redirect_url ?? redirectUrl,
      next,
    };
    const address = buildAuthorizationUrl(provider, {
      redirect_uri: flow.redirectUrl,
      scope: (this.settings?.scopes ?? []).join(' '),
      code_challenge: await calculatePKCECodeChallenge(flow.verifier),
      code_challenge_method: 'S256',
      state: flow.state,
      nonce: flow.nonce,
    });
    return { address: address.href, flow };
  }

  /** Who came back. `query` is that of the callback; throws `PermissionDeniedError` for an answer that is not to `flow`. */
  async finish(flow: Flow, query: string): Promise<Claims> {
    const provider = await this.provider();
    const current = new URL(flow.redirectUrl);
    current.search = query;
    try {
      const tokens = await authorizationCodeGrant(provider, current, {
        pkceCodeVerifier: flow.verifier,
        expectedNonce: flow.nonce,
        expectedState: flow.state,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) throw new Error('no ID token');
      const hasUserInfo = provider.serverMetadata().userinfo_endpoint !== undefined;
      const more = hasUserInfo ? await fetchUserInfo(provider, tokens.access_token, claims.sub) : {};
      return { ...more, ...claims, issuer: claims.iss, subject: claims.sub };
    } catch (error) {
      // The reasons of the library hold no token; the person is told nothing that a forger could use.
      this.logger.warn(`A sign-in at the identity provider failed: ${reasonOf(error)}`);
      throw new PermissionDeniedError(
        'The sign-in at the identity provider did not succeed. Begin again from the sign-in page.',
        'sign_in_failed',
      );
    }
  }

  private get settings(): OidcConfig | undefined {
    return this.config.section(SignInConfig).oidc;
  }

  /** What it says of itself is read once for each configuration; a failure is not kept. */
  private async provider(): Promise<Configuration> {
    const config = this.settings;
    if (!config) throw new PermissionDeniedError('No identity provider is configured.', 'not_configured');
    if (this.known?.config !== config) this.known = { config, provider: discover(config) };
    try {
      return await this.known.provider;
    } catch (error) {
      this.known = null;
      this.logger.warn(`The identity provider cannot be asked: ${reasonOf(error)}`);
      throw new IdentityProviderError(error);
    }
  }
}

const discover = ({ issuer, client_id: id, client_secret: secret, allow_insecure_issuer: isInsecure }: OidcConfig) =>
  discovery(new URL(issuer), id, secret, undefined, isInsecure ? { execute: [allowInsecureRequests] } : {});

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `${error.message}${code}`;
}
