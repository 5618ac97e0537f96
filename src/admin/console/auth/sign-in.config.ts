import { IsBoolean, IsIn, IsNotEmpty, IsOptional, IsString } from 'class-validator';
import { USER_ROLES, type UserRole } from '../../../access';
import { MapOf, noEntries, Secret, Section } from '../../../platform/config/fields';
import { AreNames, IsBaseUrl, IsName } from '../../../platform/config/validators';

/** What the members of a group of the identity provider are here. */
export class OidcGroupConfig {
  /**
   * Their role. Who is in several groups has the most powerful of their roles.
   * @example member
   */
  @IsIn(USER_ROLES)
  role!: UserRole;

  /**
   * The ids of their teams. As soon as one group names teams, the groups alone decide who is in which team.
   * @example [team_01kb3v0000abcdefghjkmnpqrs]
   */
  @AreNames()
  teams: string[] = [];
}

/** Sign-in to the console with accounts of a company's identity provider (OpenID Connect). */
export class OidcConfig {
  /**
   * The issuer, as its discovery document names it.
   * @example https://login.example.com
   */
  @IsBaseUrl()
  issuer!: string;

  /** Allows an `http://` issuer: for a trial on one machine only, because whoever listens can sign in as anybody. */
  @IsBoolean()
  allow_insecure_issuer = false;

  /**
   * The client id that the identity provider gave to the gateway.
   * @example gateway
   */
  @IsName()
  client_id!: string;

  /**
   * Its secret.
   * @example ${OIDC_CLIENT_SECRET}
   */
  @Secret()
  @IsString()
  @IsNotEmpty()
  client_secret!: string;

  /** What is asked for. The email address is needed; groups often have a scope of their own. */
  @AreNames()
  scopes: string[] = ['openid', 'email', 'profile'];

  /**
   * The address that the identity provider sends people back to, as it is registered there. Absent: the address that the
   * console was opened at, with the path `/admin/sign-in/oidc/callback`.
   * @example https://gateway.example.com/admin/sign-in/oidc/callback
   */
  @IsOptional()
  @IsBaseUrl()
  redirect_url?: string;

  /**
   * Only email addresses of these domains are let in. Absent: of every domain.
   * @example [example.com]
   */
  @IsOptional()
  @AreNames()
  allowed_domains?: string[];

  /** Whether the identity provider must have verified the email address (`email_verified`). */
  @IsBoolean()
  require_verified_email = true;

  /** The claim that lists the groups of a person. */
  @IsName()
  groups_claim = 'groups';

  /** Roles and teams by group. With groups, whoever is in none of them has `default_role`, or is not let in. */
  @MapOf(() => OidcGroupConfig)
  groups: Record<string, OidcGroupConfig> = noEntries<OidcGroupConfig>();

  /**
   * The role of people without a group of the list. Absent: they are let in only when they have an account here and there
   * are no `groups`.
   * @example member
   */
  @IsOptional()
  @IsIn(USER_ROLES)
  default_role?: UserRole;
}

/** How people sign in to the console. */
export class SignInConfig {
  /** Sign-in with an identity provider. Absent: local accounts only. */
  @IsOptional()
  @Section(() => OidcConfig)
  oidc?: OidcConfig;
}
