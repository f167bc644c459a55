// openid-client as a vendor under the FAPI 2.0 Security Profile: everything through its public interface, nothing of it changed.

import * as client from "openid-client";

import {
  activity, asked, assert, clientId, clientKey, done, entities, issuer, person, redirectUri, scope, step, throughBrowser,
} from "./vendor.mjs";

const config = await step("discovery", async () =>
  client.discovery(issuer, clientId, undefined, client.PrivateKeyJwt(await clientKey()), {
    // The gateway of the tests listens on the loopback interface without TLS.
    execute: [client.allowInsecureRequests],
  }),
);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();

const address = await step("pushed authorization request, with the key that must redeem the code", async () =>
  client.buildAuthorizationUrlWithPAR(
    config,
    {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: expectedState,
      nonce: expectedNonce,
      authorization_details: JSON.stringify(asked),
    },
    { DPoP },
  ),
);
assert.deepEqual([...address.searchParams.keys()].sort(), ["client_id", "request_uri"]);

const callback = await step("the resident logs in and consents", () => throughBrowser(address));
const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };

await step("t21: an answer without iss, or with that of another server, is not believed", async () => {
  for (const iss of [undefined, "https://elsewhere.example"]) {
    const mixedUp = new URL(callback);
    mixedUp.searchParams.delete("iss");
    if (iss) mixedUp.searchParams.set("iss", iss);
    const grant = client.authorizationCodeGrant(config, mixedUp, checks, undefined, { DPoP });
    await assert.rejects(grant, (error) => /"iss"/.test(error.cause?.message));
  }
});

const tokens = await step("code for tokens, bound to the key", async () => {
  const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, { DPoP });
  assert.equal(tokens.token_type, "dpop");
  assert.ok(tokens.refresh_token);
  assert.deepEqual(tokens.authorization_details, asked);
  return tokens;
});
const { sub } = tokens.claims();

await step("userinfo", async () => {
  const info = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
  assert.equal(info.sub, sub);
});

const ask = (token, url, method = "GET", body, headers) =>
  client.fetchProtectedResource(config, token, url, method, body, new Headers(headers), { DPoP });

await step("reading and writing the resident's data", async () => {
  const read = await ask(tokens.access_token, person(sub));
  assert.equal(read.status, 200);
  assert.equal((await read.json()).id, `urn:ngsi-ld:Person:${sub}`);
  const body = JSON.stringify(activity(sub));
  const written = await ask(tokens.access_token, entities, "POST", body, { "content-type": "application/json" });
  assert.equal(written.status, 201);
});

await step("the token alone opens nothing", async () => {
  const refused = await fetch(person(sub), { headers: { authorization: `Bearer ${tokens.access_token}` } });
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate"), /^DPoP .*error="invalid_token"/);
});

const refreshed = await step("refresh, and reading with what it gave", async () => {
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(refreshed.token_type, "dpop");
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
  assert.equal((await ask(refreshed.access_token, person(sub))).status, 200);
  return refreshed;
});

await step("introspection", async () => {
  const told = await client.tokenIntrospection(config, refreshed.access_token);
  assert.equal(told.active, true);
  assert.equal(told.sub, sub);
  assert.equal(told.token_type, "DPoP");
});

await step("revocation ends every token of the login", async () => {
  await client.tokenRevocation(config, refreshed.refresh_token);
  for (const token of [tokens.access_token, refreshed.access_token]) {
    await assert.rejects(ask(token, person(sub)), (error) => error.status === 401 || error.cause?.[0]?.parameters?.error === "invalid_token");
  }
  const told = await client.tokenIntrospection(config, refreshed.access_token);
  assert.equal(told.active, false);
  await assert.rejects(
    client.refreshTokenGrant(config, refreshed.refresh_token, undefined, { DPoP }),
    (error) => error.error === "invalid_grant",
  );
});

done();
