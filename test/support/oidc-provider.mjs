import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

/**
 * A real OpenID provider for the tests, in a process of its own. Whoever signs in as `<name>` is `<name>@example.com`, in
 * the groups of `GROUPS` (JSON: name to list). Arguments: the callback to allow.
 */
const groups = JSON.parse(process.env.GROUPS ?? '{}');
const unverified = new Set((process.env.UNVERIFIED ?? '').split(','));
const server = createServer((request, response) => provider.callback()(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(address, {
  clients: [{ client_id: 'gateway', client_secret: 'a-secret-of-the-client', redirect_uris: [process.argv[2]] }],
  pkce: { required: () => true },
  scopes: ['openid', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  cookies: { keys: ['only for tests'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      // "<name>#2" is another person to whom the address of <name> was given.
      email: `${id.replace(/#.*/, '')}@example.com`,
      email_verified: !unverified.has(id),
      name: `Company ${id}`,
      groups: groups[id] ?? [],
    }),
  }),
});
process.stdout.write(`listening on ${address}\n`);
