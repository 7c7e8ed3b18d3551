// What a forum does with the tokens of a real issuer; each check ends with an error where the forum does not keep a promise.
//
//   node checks.mjs FORUM ISSUER
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

const [forum, issuer] = process.argv.slice(2);
const CALLBACK = "http://127.0.0.1/callback";
const endpoints = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

// Logs in as a browser does: authorization code with PKCE, through the provider's pages. Returns its tokens.
async function logIn(name, resource = "urn:forum") {
  const verifier = randomBytes(32).toString("base64url");
  const cookies = new Map();
  const visit = async (url, form) => {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form && new URLSearchParams(form),
      headers: { Cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join("; ") },
      redirect: "manual",
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      cookies.set(key, value);
    }
    return response;
  };
  const query = new URLSearchParams({
    client_id: "page",
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid email",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource,
  });
  let url = `${endpoints.authorization_endpoint}?${query}`;
  for (let step = 0; step < 20 && !url.startsWith(CALLBACK); step += 1) {
    let response = await visit(url);
    if (response.status === 200) {
      const page = await response.text();
      const action = /action="([^"]+)"/.exec(page)[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)[1];
      response = await visit(new URL(action, issuer), { prompt, login: name, password: "any" });
    }
    assert([302, 303].includes(response.status), `${response.status} at ${url}: ${await response.text()}`);
    url = new URL(response.headers.get("location"), issuer).href;
  }
  const code = new URL(url).searchParams.get("code");
  assert(code, `no code: ${url}`);
  return token({
    grant_type: "authorization_code",
    client_id: "page",
    code,
    code_verifier: verifier,
    redirect_uri: CALLBACK,
    resource,
  });
}

async function token(form) {
  const response = await fetch(endpoints.token_endpoint, { method: "POST", body: new URLSearchParams(form) });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}

// The access token of a program with a secret.
async function program(client_id, scope, resource = "urn:forum") {
  const client_secret = `${client_id}-secret-of-this-run`;
  return (await token({ grant_type: "client_credentials", client_id, client_secret, scope, resource })).access_token;
}

async function ask(method, path, bearer, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const response = await fetch(forum + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined, text };
}

async function expect(status, ...request) {
  const response = await ask(...request);
  assert.equal(response.status, status, `${request[0]} ${request[1]}: ${response.status} ${response.text}`);
  return response;
}

async function problem(status, name, ...request) {
  const response = await expect(status, ...request);
  assert.equal(response.body.type, `/problems/${name}`, response.text);
  return response;
}

const people = {};
let post;
const checks = {
  async "a person logs in, makes a profile and writes"() {
    for (const name of ["alice", "bob", "carol"]) {
      const { access_token, id_token } = await logIn(name);
      people[name] = { token: access_token, idToken: id_token };
      await problem(403, "profile-missing", "POST", "/api/threads", access_token, { title: "Too early" });
      const profile = await expect(201, "PUT", "/api/users/me", access_token, { name });
      assert.equal(profile.body.email, `${name}@forum.example`);
      people[name].id = profile.body.userId;
    }
    const thread = await expect(201, "POST", "/api/threads", people.alice.token, { title: "Hello" });
    assert.equal(thread.body.userId, people.alice.id);
    post = await expect(201, "POST", "/api/posts", people.alice.token, { threadId: thread.body.threadId, content: "First" });
    assert.equal(post.body.userId, people.alice.id);
    const again = (await logIn("alice")).access_token;
    assert.equal((await expect(200, "GET", "/api/users/me", again)).body.userId, people.alice.id);
  },
  async "what is another's is changed by its author or a moderator alone"() {
    const path = `/api/posts/${post.body.postId}`;
    await problem(403, "not-allowed", "PATCH", path, people.bob.token, { content: "Mine" });
    await problem(403, "not-allowed", "DELETE", path, people.bob.token);
    await expect(200, "PATCH", path, people.alice.token, { content: "Second" });
    await expect(204, "DELETE", path, people.carol.token);
  },
  async "reading needs no token, and writing one that is valid and for us"() {
    await expect(200, "GET", "/api/threads");
    const missing = await problem(401, "token-missing", "POST", "/api/threads", undefined, { title: "x" });
    assert.equal(missing.headers.get("www-authenticate"), "Bearer");
    const other = (await logIn("alice", "urn:other")).access_token;
    const [head, claims, signature] = people.alice.token.split(".");
    const changed = JSON.parse(Buffer.from(claims, "base64url"));
    changed.roles = ["admin"];
    const forged = [head, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
    const unsigned = [Buffer.from('{"alg":"none"}').toString("base64url"), claims, ""].join(".");
    for (const bearer of [other, people.alice.idToken, forged, unsigned, "x"]) {
      for (const [method, path, body] of [["POST", "/api/threads", { title: "x" }], ["GET", "/api/threads"]]) {
        const refused = await problem(401, "token-invalid", method, path, bearer, body);
        assert.match(refused.headers.get("www-authenticate"), /error="invalid_token"/);
      }
    }
  },
  async "a program has the rights of its scopes"() {
    const user = { name: "Ida", email: "ida@forum.example" };
    const [importer, writer, reader] = [
      await program("importer", "forum:import"),
      await program("writer", "forum:write"),
      await program("reader", "other"),
    ];
    await problem(403, "missing-scope", "POST", "/api/users", reader, { name: "x", email: "x@forum.example" });
    await problem(403, "not-a-person", "GET", "/api/users/me", writer);
    const { userId } = (await expect(201, "POST", "/api/users", importer, user)).body;
    const imported = await expect(201, "POST", "/api/threads", importer, { title: "Of Ida", userId });
    assert.equal(imported.body.userId, userId);
    const thread = await expect(201, "POST", "/api/threads", writer, { title: "Of nobody" });
    assert.equal(thread.body.userId, undefined);
    const other = await program("importer", "forum:import", "urn:other");
    await problem(401, "token-invalid", "POST", "/api/users", other, user);
  },
  // An unknown key is looked for at most every ten seconds.
  async "a new key is found, and tokens of the old one are void then"() {
    assert.equal((await fetch(`${issuer}/rotate`, { method: "POST" })).status, 204);
    const { access_token } = await logIn("alice");
    const until = Date.now() + 15_000;
    let response;
    do {
      await new Promise((later) => setTimeout(later, 100));
      response = await ask("GET", "/api/users/me", access_token);
    } while (response.status === 401 && Date.now() < until);
    assert.equal(response.status, 200, response.text);
    assert.equal(response.body.userId, people.alice.id);
    await problem(401, "token-invalid", "GET", "/api/users/me", people.alice.token);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
