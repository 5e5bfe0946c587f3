// Usage: node oidc.mjs PORT token|userinfo REDIRECT_PATH...
//
// Clients (the secret is the id and "-secret"): registry, with ID tokens signed by RS256, and registry-es256. They may
// be sent back to any port of 127.0.0.1. Claims are in the ID token, or only in userinfo.
// Whoever signs in names any user and any password. Groups come with the scope groups, and with the scope profile, as
// from systems that know no such scope. POST /test/groups?user=NAME&groups=A,B changes a user's groups.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, place, ...paths] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const jwk = (pair, alg) => ({
  ...pair.privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg.toLowerCase() + '-1',
});
const keys = [
  jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'),
  jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'),
];

const groups = { alice: ['developers', 'admins'], bob: ['developers'] };
const mailboxes = { george: 'g.mail' };
const account = (id) => ({
  accountId: id,
  claims: () => ({
    sub: id, name: id[0].toUpperCase() + id.slice(1) + ' Example', preferred_username: id, nickname: id + '.there',
    email: `${mailboxes[id] ?? id}@example.org`, email_verified: id !== 'mallory', groups: groups[id] ?? [],
  }),
});

const client = (id, alg) => ({
  client_id: id, client_secret: id + '-secret', application_type: 'native',
  token_endpoint_auth_method: 'client_secret_basic', grant_types: ['authorization_code'], response_types: ['code'],
  id_token_signed_response_alg: alg, redirect_uris: paths.map((path) => `http://127.0.0.1${path}`),
});

const provider = new Provider(issuer, {
  clients: [client('registry', 'RS256'), client('registry-es256', 'ES256')],
  jwks: { keys },
  cookies: { keys: ['for-tests-only'] },
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: {
    openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'],
    profile: ['name', 'preferred_username', 'nickname', 'groups'],
  },
  conformIdTokenClaims: place === 'userinfo',
  findAccount: (_context, id) => account(id),
  features: { devInteractions: { enabled: true } },
});
provider.use(async (context, next) => {
  if (context.path !== '/test/groups') return next();
  groups[context.query.user] = context.query.groups ? context.query.groups.split(',') : [];
  context.body = 'done';
});
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1', () => console.log('listening on ' + issuer));
