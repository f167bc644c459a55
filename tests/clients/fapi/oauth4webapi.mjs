// oauth4webapi as a vendor under the FAPI 2.0 Security Profile: the same journey one level lower, so that every answer is seen.

import * as oauth from "oauth4webapi";

import {
  activity, asked, assert, clientId, clientKey, done, entities, issuer, person, redirectUri, scope, step, throughBrowser,
} from "./vendor.mjs";

// The gateway of the tests listens on the loopback interface without TLS.
const loopback = { [oauth.allowInsecureRequests]: true };
const client = { client_id: clientId };
const clientAuth = oauth.PrivateKeyJwt(await clientKey());

const as = await step("discovery, as OAuth and as OpenID Connect", async () => {
  const found = [];
  for (const algorithm of ["oauth2", "oidc"]) {
    const answer = await oauth.discoveryRequest(issuer, { algorithm, ...loopback });
    found.push(await oauth.processDiscoveryResponse(issuer, answer));
  }
  assert.deepEqual(found[0], found[1]);
  return found[0];
});

await step("the resource names its authorization server", async () => {
  const resource = new URL("/ngsi-ld", issuer);
  const answer = await oauth.resourceDiscoveryRequest(resource, loopback);
  const told = await oauth.processResourceDiscoveryResponse(resource, answer);
  assert.deepEqual(told.authorization_servers, [as.issuer]);
});

let nonces = 0;
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
/** Asks again when the server wants its nonce, as the library's documentation does it. */
async function withNonce(play) {
  try {
    return await play();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    nonces += 1;
    return play();
  }
}

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const address = await step("pushed authorization request", async () => {
  const parameters = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    resource: new URL("/ngsi-ld", issuer).href,
    authorization_details: JSON.stringify(asked),
  };
  const pushed = await withNonce(async () => {
    const answer = await oauth.pushedAuthorizationRequest(as, client, clientAuth, parameters, { DPoP, ...loopback });
    return oauth.processPushedAuthorizationResponse(as, client, answer);
  });
  const address = new URL(as.authorization_endpoint);
  address.searchParams.set("client_id", clientId);
  address.searchParams.set("request_uri", pushed.request_uri);
  return address;
});

const callback = await step("the resident logs in and consents", () => throughBrowser(address));

const parameters = await step("state and iss, and t21: nothing that is mixed up", () => {
  for (const iss of [undefined, "https://elsewhere.example"]) {
    const mixedUp = new URL(callback);
    mixedUp.searchParams.delete("iss");
    if (iss) mixedUp.searchParams.set("iss", iss);
    assert.throws(() => oauth.validateAuthResponse(as, client, mixedUp, state), /iss/);
  }
  assert.throws(() => oauth.validateAuthResponse(as, client, callback, "another-state"), /state/);
  return oauth.validateAuthResponse(as, client, callback, state);
});

const redeem = () =>
  withNonce(async () => {
    const answer = await oauth.authorizationCodeGrantRequest(as, client, clientAuth, parameters, redirectUri, verifier, {
      DPoP,
      ...loopback,
    });
    return oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true });
  });
const tokens = await step("code for tokens, with the ID token's signature", async () => {
  const tokens = await redeem();
  assert.equal(tokens.token_type, "dpop");
  return tokens;
});
const { sub } = oauth.getValidatedIdTokenClaims(tokens);

const ask = (token, url, method = "GET", body = null, headers = {}) =>
  withNonce(() => oauth.protectedResourceRequest(token, method, url, new Headers(headers), body, { DPoP, ...loopback }));

await step("userinfo", async () => {
  const info = await withNonce(async () => {
    const answer = await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP, ...loopback });
    return oauth.processUserInfoResponse(as, client, sub, answer);
  });
  assert.equal(info.sub, sub);
});

await step("reading and writing the resident's data", async () => {
  assert.equal((await ask(tokens.access_token, person(sub))).status, 200);
  const body = JSON.stringify(activity(sub));
  const written = await ask(tokens.access_token, entities, "POST", body, { "content-type": "application/json" });
  assert.equal(written.status, 201);
});

await step("the access token is one of RFC 9068, for this resource and bound to the key", async () => {
  const seen = new Request(person(sub), {
    headers: { authorization: `DPoP ${tokens.access_token}`, dpop: await proof(tokens.access_token, person(sub)) },
  });
  const claims = await oauth.validateJwtAccessToken(as, seen, new URL("/ngsi-ld", issuer).href, {
    requireDPoP: true,
    signingAlgorithms: ["ES256"],
    ...loopback,
  });
  assert.equal(claims.client_id, clientId);
  assert.ok(claims.cnf.jkt);
});

/** The proof that the library makes for a request, caught instead of sent. */
async function proof(token, url) {
  let caught;
  await oauth.protectedResourceRequest(token, "GET", url, new Headers(), null, {
    DPoP,
    ...loopback,
    [oauth.customFetch]: async (_, options) => {
      caught = new Headers(options.headers).get("dpop");
      return new Response(null, { status: 204 });
    },
  });
  return caught;
}

await step("t46: a proof is good once", async () => {
  const headers = { authorization: `DPoP ${tokens.access_token}`, dpop: await proof(tokens.access_token, person(sub)) };
  assert.equal((await fetch(person(sub), { headers })).status, 200);
  const replayed = await fetch(person(sub), { headers });
  assert.equal(replayed.status, 401);
  assert.match(replayed.headers.get("www-authenticate"), /^DPoP .*error="invalid_dpop_proof"/);
});

const refresh = (token) =>
  withNonce(async () => {
    const answer = await oauth.refreshTokenGrantRequest(as, client, clientAuth, token, { DPoP, ...loopback });
    return oauth.processRefreshTokenResponse(as, client, answer);
  });
const refreshed = await step("refresh", () => refresh(tokens.refresh_token));

await step("t18: the first refresh token again ends everything", async () => {
  assert.equal((await ask(refreshed.access_token, person(sub))).status, 200);
  await assert.rejects(refresh(tokens.refresh_token), (error) => error.error === "invalid_grant");
  await assert.rejects(refresh(refreshed.refresh_token), (error) => error.error === "invalid_grant");
  await assert.rejects(ask(refreshed.access_token, person(sub)), (error) => error.status === 401);
});

await step("nonces were asked for, and few of them", () => {
  // One at the first request with a proof, and more only if the journey took minutes.
  assert.ok(nonces >= 1 && nonces <= 3, `${nonces} times`);
});

done();
