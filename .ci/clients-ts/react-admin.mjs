// Calls the react-admin data provider as react-admin does.
//
//   node react-admin.mjs DATA_PROVIDER BASE_URL
import assert from "node:assert/strict";

const [file, base] = process.argv.slice(2);
const { dataProvider } = await import(file);
const provider = dataProvider(base);
const newestFirst = { field: "createdAt", order: "DESC" };

const user = (await provider.create("users", { data: { email: `${crypto.randomUUID()}@example.com`, name: "Eve" } })).data;
assert.equal(user.id, user.userId);
const thread = (await provider.create("threads", { data: { title: "Admin", userId: user.id } })).data;
const contents = ["a", "b", "c", "d", "e"];
for (const content of contents) {
  await provider.create("posts", { data: { threadId: thread.id, userId: user.id, content } });
}

// Pages: along the links, back, straight to one that was never shown, and past the end.
const posts = async (page, from = provider) => {
  const { data, total, pageInfo } = await from.getManyReference("posts", {
    target: "threadId", id: thread.id, pagination: { page, perPage: 2 }, sort: newestFirst, filter: {},
  });
  assert.equal(total, undefined);
  assert(data.every((post) => post.id === post.postId));
  return [data.map((post) => post.content).join(""), pageInfo.hasPreviousPage, pageInfo.hasNextPage];
};
const pages = [["ed", false, true], ["cb", true, true], ["a", true, false], ["", true, false]];
for (const page of [1, 2, 3, 2, 1]) assert.deepEqual(await posts(page), pages[page - 1]);
for (const page of [3, 4]) assert.deepEqual(await posts(page, dataProvider(base)), pages[page - 1]);

const list = await provider.getList("threads", { pagination: { page: 1, perPage: 1 }, sort: newestFirst, filter: {} });
assert.deepEqual([list.data[0].id, list.pageInfo.hasNextPage], [thread.id, true]);
const found = await provider.getList("users", { pagination: { page: 1, perPage: 10 }, sort: newestFirst, filter: {} });
assert(found.data.some(({ id }) => id === user.id));
assert.deepEqual((await provider.getMany("users", { ids: [user.id, "1"] })).data.map(({ id }) => id), [user.id, "1"]);
assert.deepEqual((await provider.getMany("posts", { ids: ["2", "1"] })).data.map(({ id }) => id), ["2", "1"]);

// An update sends what changed, on the version that was read.
const read = (await provider.getOne("threads", { id: thread.id })).data;
const updated = (await provider.update("threads", { id: thread.id, data: { ...read, title: "Panel" }, previousData: read })).data;
assert.deepEqual([updated.title, updated.version], ["Panel", read.version + 1]);
const other = dataProvider(base);
await other.getOne("threads", { id: thread.id });
await provider.update("threads", { id: thread.id, data: { ...updated, title: "Panels" }, previousData: updated });
await assert.rejects(other.update("threads", { id: thread.id, data: { title: "Lost" } }), { status: 412 });
await assert.rejects(provider.create("threads", { data: { title: " ", userId: "none" } }), (error) => {
  assert.deepEqual([error.status, Object.keys(error.body.errors)], [422, ["title"]]);
  return true;
});

const { data: mine } = await provider.getManyReference("posts", {
  target: "userId", id: user.id, pagination: { page: 1, perPage: 10 }, sort: newestFirst, filter: {},
});
const ids = mine.map(({ id }) => id);
assert.equal(ids.length, contents.length);
assert.deepEqual(await provider.updateMany("posts", { ids, data: { title: "Moved" } }), { data: ids });
assert.deepEqual(await provider.deleteMany("posts", { ids }), { data: ids });
assert.deepEqual(await provider.delete("threads", { id: thread.id, previousData: read }), { data: read });
await assert.rejects(provider.getOne("threads", { id: thread.id }), { status: 404 });
console.log(`the react-admin data provider made its round trip on ${base}`);
