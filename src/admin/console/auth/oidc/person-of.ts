import type { UserRole } from '../../../../access';
import { PermissionDeniedError } from '../../../../core/errors';
import type { OidcConfig } from '../sign-in.config';
import type { Claims } from './identity-provider';

/** The most powerful first. */
const RANKED: readonly UserRole[] = ['admin', 'auditor', 'team_lead', 'member'];
const MAX_LENGTH = 100;

/** Who somebody is here, by what the identity provider says and the configuration makes of it. */
export interface OidcPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  /** Null: what they have here stands. */
  readonly role: UserRole | null;
  /** Null: what they have here stands. */
  readonly teamIds: readonly string[] | null;
}

/** Throws `PermissionDeniedError` for a person who is not to be let in. */
export function personOf(claims: Claims, config: OidcConfig): OidcPerson {
  const email = emailOf(claims, config);
  const groups = groupsOf(claims[config.groups_claim]);
  const matched = Object.entries(config.groups).filter(([name]) => groups.includes(name));
  const hasGroups = Object.keys(config.groups).length > 0;
  const role = RANKED.find((each) => matched.some(([, group]) => group.role === each)) ?? config.default_role ?? null;
  if (role === null && hasGroups) {
    throw new PermissionDeniedError('None of your groups may use this console. Ask an administrator.', 'no_group');
  }
  const decidesTeams = Object.values(config.groups).some(({ teams }) => teams.length > 0);
  const name = typeof claims['name'] === 'string' ? claims['name'].replaceAll(/\p{Cc}/gu, ' ').trim() : '';
  return {
    issuer: claims.issuer,
    subject: claims.subject,
    email,
    name: (name === '' ? email : name).slice(0, MAX_LENGTH),
    // Without groups nobody's role is changed by signing in.
    role: hasGroups ? role : null,
    teamIds: decidesTeams ? [...new Set(matched.flatMap(([, { teams }]) => teams))] : null,
  };
}

function emailOf(claims: Claims, config: OidcConfig): string {
  const { email, email_verified: isVerified } = claims;
  if (typeof email !== 'string' || !/^[^@\s\p{Cc}]{1,64}@[^@\s\p{Cc}]{1,190}$/u.test(email)) {
    throw new PermissionDeniedError('The identity provider told no email address.', 'no_email');
  }
  if (config.require_verified_email && isVerified !== true && isVerified !== 'true') {
    throw new PermissionDeniedError('The identity provider has not verified your email address.', 'email_not_verified');
  }
  const domain = email.slice(email.indexOf('@') + 1).toLowerCase();
  const domains = config.allowed_domains?.map((each) => each.toLowerCase());
  if (domains && !domains.includes(domain)) {
    throw new PermissionDeniedError('Email addresses of this domain are not let in.', 'domain_not_allowed');
  }
  return email.toLowerCase();
}

function groupsOf(claim: unknown): string[] {
  if (typeof claim === 'string') return [claim];
  return Array.isArray(claim) ? claim.filter((item): item is string => typeof item === 'string') : [];
}
