// An OpenID Connect issuer for tests: npm oidc-provider, with people who log in under any name and programs with secrets.
//
//   node provider.mjs FILE       writes its address to FILE, and serves until it is killed; POST /rotate gives it a new key
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

// Access tokens for the forum, and for another program that shares the issuer.
const AUDIENCES = { "urn:forum": "forum", "urn:other": "other" };

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function provider(issuer) {
  const program = (client_id, scope) => ({
    client_id,
    client_secret: `${client_id}-secret-of-this-run`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    scope,
  });
  return new Provider(issuer, {
    clients: [
      {
        client_id: "page",
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
      },
      program("importer", "forum:import"),
      program("writer", "forum:write"),
      program("reader", "other"),
    ],
    scopes: ["openid", "email", "forum:write", "forum:import", "other"],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    cookies: { keys: [randomUUID()] },
    jwks: { keys: [signingKey()] },
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@forum.example`, email_verified: true }),
    }),
    // Only its owner's address is in a token, and only carol moderates.
    extraTokenClaims: (_, { accountId }) =>
      accountId && {
        email: `${accountId}@forum.example`,
        email_verified: true,
        roles: accountId === "carol" ? ["moderator"] : [],
      },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:forum",
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: "forum:write forum:import other",
          audience: AUDIENCES[resource],
          accessTokenFormat: "jwt",
          accessTokenTTL: 3600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}

let serve;
const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    serve = provider(issuer).callback();
    response.writeHead(204).end();
  } else {
    serve(request, response);
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
serve = provider(issuer).callback();
const [file] = process.argv.slice(2);
writeFileSync(`${file}.new`, issuer);
renameSync(`${file}.new`, file);
