// The tokens of Keycloak, and a replacement of its key under load.
//
//   node checks.mjs FORUM KEYCLOAK ADMIN_PASSWORD
import assert from "node:assert/strict";

const [forum, keycloak, password] = process.argv.slice(2);
const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function token(realm, form) {
  const url = `${keycloak}/realms/${realm}/protocol/openid-connect/token`;
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.access_token;
}

const person = (name) =>
  token("forum", { grant_type: "password", client_id: "page", username: name, password: name, scope: "openid email" });

async function admin(method, path, body) {
  const bearer = await token("master", { grant_type: "password", client_id: "admin-cli", username: "admin", password });
  const headers = { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" };
  const response = await fetch(`${keycloak}/admin/realms/forum${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : response.headers.get("location")?.split("/").pop();
}

async function ask(method, path, bearer, body) {
  const headers = { "Content-Type": "application/json" };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const response = await fetch(forum + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, text, body: text ? JSON.parse(text) : undefined };
}

async function expect(status, ...request) {
  const response = await ask(...request);
  assert.equal(response.status, status, `${request[0]} ${request[1]}: ${response.status} ${response.text}`);
  return response.body;
}

// Keycloak gives a program scopes that its client has by default.
const scope = await admin("POST", "/client-scopes", {
  name: "forum:write",
  protocol: "openid-connect",
  attributes: { "include.in.token.scope": "true" },
});
const [writer] = await admin("GET", "/clients?clientId=writer");
await admin("PUT", `/clients/${writer.id}/default-client-scopes/${scope}`);

const [alice, carol] = [await person("alice"), await person("carol")];
await expect(201, "PUT", "/api/users/me", alice, { name: "Alice" });
await expect(201, "PUT", "/api/users/me", carol, { name: "Carol" });
const thread = await expect(201, "POST", "/api/threads", alice, { title: "Hello" });
const post = await expect(201, "POST", "/api/posts", alice, { threadId: thread.threadId, content: "First" });
await expect(204, "DELETE", `/api/posts/${post.postId}`, carol);
await expect(401, "POST", "/api/threads", undefined, { title: "x" });
console.log("ok people have the rights of their roles");

const program = await token("forum", {
  grant_type: "client_credentials",
  client_id: "writer",
  client_secret: "writer-secret-of-this-run",
});
assert.equal((await expect(201, "POST", "/api/threads", program, { title: "Of nobody" })).userId, undefined);
console.log("ok a program has the rights of its scopes");

// Each worker logs in again and again, and writes with its token.
const counts = { requests: 0, refused: [] };
let running = true;
const start = Date.now();
const seconds = () => (Date.now() - start) / 1000;
async function work() {
  while (running) {
    const bearer = await person("alice");
    for (let request = 0; request < 20 && running; request += 1) {
      const { status, text } = await ask("PATCH", `/api/threads/${thread.threadId}`, bearer, { title: `At ${Date.now()}` });
      counts.requests += 1;
      if (status !== 200) counts.refused.push([seconds(), status, text]);
    }
  }
}
const workers = Promise.all(Array.from({ length: 8 }, work));
await later(3000);
const realm = await admin("GET", "");
const old = (await admin("GET", "/components?type=org.keycloak.keys.KeyProvider")).filter(
  (key) => key.providerId === "rsa-generated",
);
const added = seconds();
await admin("POST", "/components", {
  name: "new-key",
  providerId: "rsa-generated",
  providerType: "org.keycloak.keys.KeyProvider",
  parentId: realm.id,
  config: { priority: ["200"], enabled: ["true"], active: ["true"], algorithm: ["RS256"], keySize: ["2048"] },
});
await later(15_000);
const removed = seconds();
for (const key of old) await admin("DELETE", `/components/${key.id}`);
await later(5000);
running = false;
await workers;
const { requests, refused } = counts;
console.log(`new key at ${added.toFixed(1)} s, old key gone at ${removed.toFixed(1)} s; ${requests} requests in ${seconds().toFixed(1)} s`);
if (refused.length > 0) {
  const [from, status, text] = refused[0];
  console.log(`${refused.length} refused from ${from.toFixed(1)} to ${refused.at(-1)[0].toFixed(1)} s, the first ${status} ${text}`);
}
// An unknown key is looked for at most every ten seconds; after that nobody is refused.
assert(refused.every(([at]) => at >= added && at < added + 11), "refused outside of the ten seconds after the new key");
await expect(200, "GET", "/api/users/me", await person("alice"));
console.log("ok a new key is found within ten seconds");
