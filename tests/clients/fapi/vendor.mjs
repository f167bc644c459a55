// What both journeys share: the vendor's key and address, its steps, and the way through the resident's browser.
//
// The test in tests/it/fapi.rs starts a gateway, registers the vendor, runs a journey, and plays the resident: it opens the address that a journey
// writes to standard output and answers with the address that the browser was sent back to.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

export const issuer = new URL(process.env.GATEWAY_URL);
export const clientId = process.env.CLIENT_ID;
export const redirectUri = process.env.REDIRECT_URI;

const jwk = JSON.parse(process.env.PRIVATE_JWK);

/** The key that authenticates the vendor. */
export async function clientKey() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return { key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]), kid: jwk.kid };
}

/** What the vendor asks of the resident. */
export const asked = [
  {
    type: "resident_data",
    purpose: "health-coaching",
    data_classes: ["contact", "health-activity"],
    actions: ["read", "write"],
  },
];
export const scope = "openid ngsi-ld offline_access";

export const entities = new URL("/ngsi-ld/v1/entities", issuer);

/** The resident as the vendor knows them. */
export function person(sub) {
  return new URL(`/ngsi-ld/v1/entities/urn:ngsi-ld:Person:${sub}`, issuer);
}

export function activity(sub) {
  const id = `urn:ngsi-ld:HealthActivity:${crypto.randomUUID()}`;
  const now = new Date().toISOString();
  return {
    id,
    type: "HealthActivity",
    person: { type: "Relationship", object: `urn:ngsi-ld:Person:${sub}` },
    steps: { type: "Property", value: 4321 },
    startedAt: { type: "Property", value: { "@type": "DateTime", "@value": now } },
    endedAt: { type: "Property", value: { "@type": "DateTime", "@value": now } },
  };
}

let steps = 0;

/** One step of the journey, which holds or ends it. */
export async function step(name, play) {
  try {
    const value = await play();
    steps += 1;
    console.error(`ok ${name}`);
    return value;
  } catch (error) {
    console.error(`FAILED ${name}: ${error?.stack ?? error}`);
    if (error?.cause) console.error(error.cause);
    process.exit(1);
  }
}

/** Sends the resident's browser to an address and gives the one that it comes back to. */
export async function throughBrowser(address) {
  console.log(`BROWSER ${address.href}`);
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return new URL(line);
  }
  throw new Error("the resident did not come back");
}

export function done() {
  console.error(`HELD ${steps}`);
  process.exit(0);
}

export { assert };
