import { GatewayError } from '../../../core/errors';

/** There is no session, or it has run out. */
export class NotSignedInError extends GatewayError {
  constructor() {
    super(401, 'not_signed_in', 'authentication_error', 'Sign in to go on.');
  }
}
