// An identity provider that nobody here wrote, as a town would meet it: `oidc-provider` from npm, configured and otherwise as it comes.
//
// node provider.mjs FOLDER REDIRECT_URI PUBLIC_KEY_PEM
//
// FOLDER is where the package is installed. When it answers it says: READY provider http://127.0.0.1:<port>

import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, redirectUri, clientKey] = process.argv.slice(2);
const installed = createRequire(`${folder}/`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(installed));

// Everybody here is invented.
const people = {
  hanako: { acr: 'card', city: '児湯郡都農町', gender: 'female', given: '花子', birthdate: '1985-03-15' },
  taro: { acr: 'password', city: '児湯郡都農町', gender: 'male', given: '太郎', birthdate: '1983-11-02' },
  jiro: { acr: 'card', city: '日向市', gender: 'male', given: '次郎', birthdate: '1979-06-21' },
};

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const client = createPublicKey(clientKey).export({ format: 'jwk' });

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...signing, kid: 'first', alg: 'ES256', use: 'sig' }] },
  acrValues: ['card', 'password'],
  clients: [{
    client_id: 'tsuno',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    subject_type: 'pairwise',
    id_token_signed_response_alg: 'ES256',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'PS256',
    jwks: { keys: [{ ...client, kid: 'tsuno-1', use: 'sig' }] },
  }],
  claims: { openid: ['sub'], profile: ['name', 'birthdate', 'gender'], address: ['address'], acr: null, auth_time: null },
  subjectTypes: ['pairwise'],
  pairwiseIdentifier: (_, accountId) => `pairwise-of-${accountId}`,
  pkce: { required: () => true },
  cookies: { keys: ['a key of this test'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // The client is the town's own: nothing is asked a second time.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile address');
    await grant.save();
    return grant;
  },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => {
      const { given, birthdate, gender, city } = people[accountId];
      const formatted = `宮崎県${city}大字川北4874番地2`;
      return { sub: accountId, name: `都農 ${given}`, birthdate, gender, address: { formatted } };
    },
  }),
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (ctx.method === 'GET') {
    ctx.type = 'html';
    ctx.body = `<form method="post" action="${ctx.path}"><input name="login"><button>Log in</button></form>`;
    return undefined;
  }
  let body = '';
  for await (const chunk of ctx.req) body += chunk;
  const login = new URLSearchParams(body).get('login');
  const result = people[login]
    ? { login: { accountId: login, acr: people[login].acr, amr: ['user'] } }
    : { error: 'access_denied', error_description: 'the person went away' };
  ctx.respond = false;
  return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
});

server.on('request', provider.callback());
console.log(`READY provider ${issuer}`);
