// Figures: weight, requests to the API, accessibility.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Person, equal, holds } from "./browser.mjs";
import { Forum } from "./forum.mjs";

const KB = 1024;
/** What people write. */
const WORDS = "Clay is *kinder* than people say. Before you plant, break up the bottom of the hole, and mix in grit, not sand: [the guide](https://a.example) says why.\n\n> Water once a week in the first summer.\n\nThen leave it alone.";

/** Bytes that a browser without a cache receives for a page with its styles and scripts. */
async function weight(person, path) {
  const session = await person.context.newCDPSession(person.page);
  let bytes = 0;
  await session.send("Network.enable");
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await person.page.goto(path, { waitUntil: "networkidle" });
  await session.detach();
  return bytes;
}

/** What a page asks of the API. */
async function asked(forum, look) {
  const before = (await forum.requests()).length;
  await look();
  return (await forum.requests()).slice(before).sort();
}

/** The processor time of the forum for that many requests, in ticks of the clock. */
async function processorTime(forum, path, requests) {
  const used = () => {
    const fields = readFileSync(`/proc/${forum.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const ask = async () => holds((await fetch(`${forum.url}${path}`)).ok, path);
  for (let warm = 0; warm < 20; warm++) await ask();
  const before = used();
  for (let request = 0; request < requests; request++) await ask();
  return used() - before;
}

export const measures = {
  async "a page of 50 threads weighs less than 30 KB, and each part of a page is one request"({ browser, forum }) {
    for (let number = 0; number < 50; number++) {
      await forum.api("POST", "/api/threads", { title: `Thread ${number}: ${"what some people say about it ".repeat(2)}`, userId: "1" });
    }
    const person = await Person.of(browser, forum);
    const bytes = await weight(person, "/");
    equal(await person.page.locator("ol.threads:not(.pinned) > li").count(), 50);
    holds(bytes < 30 * KB, `${bytes} bytes`);
    console.log(`     ${bytes} bytes`);
    await person.leave();
    const page = async (path) => holds((await fetch(`${forum.url}${path}`)).ok, path);
    // The list, the pinned threads, the names.
    const front = await asked(forum, () => page("/"));
    equal([...new Set(front)], ["GET /api/threads", "GET /api/users"]);
    holds(front.length <= 3, front);
    equal(await asked(forum, () => page("/threads/2")), [
      "GET /api/posts/in-thread/{threadId}",
      "GET /api/threads/{threadId}",
      "GET /api/users",
    ]);
  },

  async "10,000 threads and a thread of 10,000 posts can be read to the end"({ browser, program }) {
    const time = (number) => new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
    const many = (item) => JSON.stringify(Array.from({ length: 10_000 }, (_, number) => ({ ...item(number), createdAt: time(number), updatedAt: time(number) })));
    const forum = await Forum.start(program, {
      files: {
        "users.json": JSON.stringify([{ userId: "1", name: "Alice", email: "alice@example.com", createdAt: time(0), updatedAt: time(0) }]),
        "threads.json": many((number) => ({ threadId: `t${number}`, title: `Thread ${number}`, userId: "1" })),
        "posts.json": many((number) => ({ postId: `p${number}`, threadId: "t0", userId: "1", content: `Number ${number}. ${WORDS}` })),
      },
    });
    try {
      for (const [start, item] of [["/", /href="(\/threads\/t\d+)"/g], ["/threads/t0", /id="(post-p\d+)"/g]]) {
        const seen = new Set();
        let longest = 0;
        for (let path = start; path; ) {
          const began = performance.now();
          const html = await (await fetch(`${forum.url}${path}`)).text();
          longest = Math.max(longest, performance.now() - began);
          for (const [, id] of html.matchAll(item)) seen.add(id);
          path = html.match(/<a rel="next" href="([^"]*)"/)?.[1].replaceAll("&amp;", "&");
        }
        equal(seen.size, 10_000, start);
        console.log(`     ${start}: the slowest page took ${Math.round(longest)} ms`);
      }
      // A link leads into the middle, and the end is one step away.
      const person = await Person.of(browser, forum);
      await person.page.goto("/posts/p5000");
      await person.page.locator("#post-p5000").waitFor();
      await person.page.getByRole("link", { name: "Latest posts" }).click();
      await person.page.locator("#post-p9999").waitFor();
      await person.leave();
      const page = await processorTime(forum, "/threads/t0", 200);
      let api = 0;
      for (const path of ["/api/posts/in-thread/t0?limit=50", "/api/threads/t0", "/api/users?fields=userId,name&ids=1"]) {
        api += await processorTime(forum, path, 200);
      }
      console.log(`     ${(page / api).toFixed(1)} times the processor time of what a page asks the API for`);
      holds(page <= 3 * api, `${page} ticks for pages, ${api} for the API`);
    } finally {
      await forum.end();
    }
  },

  async "nobody is kept out: no violation that axe finds"({ browser, forum }) {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const paths = ["/", "/threads/1", "/users/1", "/users/1?show=threads", "/new-thread", "/threads/1/edit", "/threads/1/delete"];
    paths.push("/profile", "/profile/delete", "/report?target=posts/1", "/nothing");
    await forum.api("POST", "/api/posts", { threadId: "1", userId: "2", content: "## Plan\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> `x` [link](https://a.example)\n\n```\ncode\n```" });
    for (const dark of [false, true]) {
      for (const width of [360, 1280]) {
        const alice = await (await Person.of(browser, forum, { dark, width, seen: { expected: ["404 (Not Found)"] } })).logIn("Alice");
        for (const path of paths) {
          await alice.page.goto(path);
          // The page's policy forbids inline scripts; the remote control is not bound by it.
          const { violations } = await alice.page.evaluate(`${axe}; axe.run()`);
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
          holds(found.length === 0, `${path} at ${width}${dark ? ", dark" : ""}: ${found.join("\n")}`);
          const overflow = await alice.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          holds(overflow <= 0, `${path} at ${width}: ${overflow} px too wide`);
        }
        await alice.leave();
      }
    }
  },
};
