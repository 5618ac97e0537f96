/** Only back into the console: never to another site, and never to what acts. */
const INSIDE = /^\/admin(?:[/?][\w\-./?=&%:+,~]*)?$/;

/** Where to go after signing in; empty for what leads out of the console. */
export const insideOnly = (next: string | undefined): string =>
  next !== undefined && INSIDE.test(next) && !next.includes('sign-') ? next : '';
