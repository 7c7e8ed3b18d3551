// A round trip with a generated client: create, repeat, walk a list, change under a condition, and read problems by their type.
//
//   npx openapi-typescript http://localhost:8080/openapi.json --output forum.ts
//   npx tsc --strict --module nodenext --outDir out round-trip.ts && node out/round-trip.js http://localhost:8080
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./forum.js";

type Post = components["schemas"]["Post"];
type Problem = components["schemas"]["Problem"];

const baseUrl = process.argv[2] ?? "http://localhost:8080";
// Lists with commas, as the document describes them. (Repeated, as in `ids=1&ids=2`, they mean the same.)
const forum = createClient<paths>({ baseUrl, querySerializer: { array: { style: "form", explode: false } } });

/** The item of a response; a problem is thrown. */
function item<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (error) throw new Error(`${error.status} ${error.title}: ${error.detail} ${JSON.stringify(error.errors)}`);
  assert(data !== undefined);
  return data;
}

/** The cursor of the next page, exactly when there is one. */
function nextCursor(response: Response): string | undefined {
  const path = response.headers.get("Link")?.match(/<([^>]*)>; rel="next"/)?.[1];
  return path ? (new URL(path, baseUrl).searchParams.get("cursor") ?? undefined) : undefined;
}

// Create. The same request under the same key makes one user, however often it is sent.
const body = { email: `${randomUUID()}@example.com`, name: "Dora" };
const params = { header: { "Idempotency-Key": randomUUID() } };
const first = await forum.POST("/api/users", { params, body });
const again = await forum.POST("/api/users", { params, body });
const user = item(first);
assert.equal(first.response.status, 201);
assert.equal(first.response.headers.get("Idempotent-Replayed"), null);
assert.equal(item(again).userId, user.userId);
assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");

// A thread with five posts.
const thread = item(await forum.POST("/api/threads", { body: { title: "Clients", userId: user.userId } }));
const contents = ["one", "two", "three", "four", "five"];
for (const content of contents) {
  item(await forum.POST("/api/posts", { body: { threadId: thread.threadId, userId: user.userId, content } }));
}

// Walk the list, two posts at a time.
const posts: Post[] = [];
let cursor: string | undefined;
let pages = 0;
do {
  const page = await forum.GET("/api/posts/in-thread/{threadId}", {
    params: { path: { threadId: thread.threadId }, query: cursor ? { limit: 2, cursor } : { limit: 2 } },
  });
  posts.push(...item(page));
  cursor = nextCursor(page.response);
  pages += 1;
} while (cursor);
assert.deepEqual([posts.map((post) => post.content), pages], [contents, 3]);

// Change what was read, and only that: `If-Match` with its ETag.
const path = { threadId: thread.threadId };
const read = await forum.GET("/api/threads/{threadId}", { params: { path } });
const header = { "If-Match": read.response.headers.get("ETag") ?? "" };
const changed = item(await forum.PATCH("/api/threads/{threadId}", { params: { path, header }, body: { title: "Typed clients" } }));
assert.deepEqual([changed.title, changed.version], ["Typed clients", item(read).version + 1]);

// The same condition again: the thread is another one by now.
const stale = await forum.PATCH("/api/threads/{threadId}", { params: { path, header }, body: { title: "Lost" } });
assert(stale.error);
assert.deepEqual([stale.response.status, stale.error.status, stale.error.title], [412, 412, "Precondition Failed"]);

// What breaks a rule is named, field by field.
const invalid = await forum.POST("/api/posts", { body: { threadId: thread.threadId, userId: user.userId, content: "", title: " " } });
assert(invalid.error);
assert.deepEqual([invalid.response.status, invalid.error.errors?.map(({ field }) => field).sort()], [422, ["content", "title"]]);

// Several users at once, and only some attributes of them.
const ids = ["1", user.userId];
const some = item(await forum.GET("/api/users", { params: { query: { ids, fields: ["userId", "name"] } } }));
assert.deepEqual(some.map((one) => one.userId), ids);
for (const one of some) assert.deepEqual(Object.keys(one).sort(), ["name", "userId"]);

// Clean up: a thread that has posts is deleted with them, when that is said.
const kept = await forum.DELETE("/api/threads/{threadId}", { params: { path } });
assert.equal(kept.error?.status, 409);
const gone = await forum.DELETE("/api/threads/{threadId}", { params: { path, query: { cascade: true } } });
assert.equal(gone.response.status, 204);
console.log(`the TypeScript client made its round trip on ${baseUrl}`);
