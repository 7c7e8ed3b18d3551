// Takes the pictures of README: `node screenshots.mjs FORUM FOLDER`.

import { join } from "node:path";
import { Person, launch } from "./browser.mjs";
import { Forum } from "./forum.mjs";

const [program, folder] = process.argv.slice(2);
const browser = await launch();
const forum = await Forum.start(program);

const THREADS = [
  ["Which trees for a small north-facing garden?", "Four by six metres, clay, and shade until noon. *Nothing that grows over the fence*, please.", "1"],
  ["Show us your reading lists", "One book you finished this month, one you gave up on.", "3"],
  ["Lifetimes in async traits: what finally made it click for you?", "I understand them on Mondays.", "2"],
];
const POSTS = [
  ["2", "A **rowan** will do well there: light shade, berries for the birds, and it stays small.\n\n> Nothing that grows over the fence\n\nThen take *Sorbus vilmorinii*, which stops at four metres."],
  ["3", "Clay is kinder than people say. Before you plant:\n\n1. break up the bottom of the hole\n2. mix in grit, not sand\n3. water once a week in the first summer"],
  ["1", "Thank you both! I had not thought of rowans. Ordered one, to come in March."],
];

let garden = "";
for (const [title, description, userId] of THREADS.reverse()) {
  garden = (await forum.api("POST", "/api/threads", { title, description, userId })).threadId;
}
for (const [userId, content] of POSTS) await forum.api("POST", "/api/posts", { threadId: garden, userId, content });

const edit = async (page) => {
  await page.goto(`/threads/${garden}/edit`);
  await forum.api("PATCH", `/api/threads/${garden}`, { description: "Four by six metres, clay, shade until noon. It should flower." });
  await page.getByLabel("Description").fill("Four by six metres, clay, and shade until noon. *Nothing with thorns*, please.");
  await page.getByRole("button", { name: "Save" }).click();
};
const write = async (page) => {
  await page.goto(`/threads/${garden}`);
  await page.getByLabel("Your post").fill("How about a *hazel*?\n\n- it coppices\n- **it feeds you**");
  await page.getByLabel("Preview").locator("li strong").waitFor();
  await page.locator("#reply").scrollIntoViewIfNeeded();
  await page.evaluate(() => document.querySelector("#reply")?.scrollIntoView());
};
const views = [
  ["threads", { width: 1280 }, (page) => page.goto("/")],
  ["thread", { width: 1280, dark: true }, (page) => page.goto(`/threads/${garden}`)],
  ["thread-phone", { width: 360 }, (page) => page.goto(`/threads/${garden}`)],
  ["reply-phone", { width: 360, dark: true }, write],
  ["versions", { width: 1280 }, edit],
];
for (const [name, options, show] of views) {
  const alice = await (await Person.of(browser, forum, options)).logIn("Alice");
  await show(alice.page);
  await alice.page.setViewportSize({ width: options.width, height: options.width === 360 ? 640 : 720 });
  await alice.page.screenshot({ path: join(folder, `${name}.png`) });
  await alice.context.close();
}
await browser.close();
await forum.end();
