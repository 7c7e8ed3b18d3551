// Every action of the page, with scripts and without.

import { readFile } from "node:fs/promises";
import { Person, equal, holds } from "./browser.mjs";

/** The thread and its first post that a person has opened through the page. */
async function openThread(person, title) {
  const { page } = person;
  await page.goto("/new-thread");
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Description").fill("Which *ones*?");
  await page.getByRole("button", { name: "Open the thread" }).click();
  await page.getByRole("heading", { name: title, level: 1 }).waitFor();
  return new URL(page.url()).pathname.split("/")[2];
}

async function reply(person, thread, text) {
  const { page } = person;
  await page.goto(`/threads/${thread}`);
  await page.getByLabel("Your post").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("ol.posts .text", { hasText: text }).waitFor();
}

export const actions = {
  async "everybody reads"({ browser, forum, scripts }) {
    const person = await Person.of(browser, forum, { scripts });
    const { page } = person;
    await page.goto("/");
    await page.getByRole("link", { name: "Welcome" }).click();
    await page.getByText("I am building a small feed reader.").waitFor();
    await page.getByTitle("Link to this post").click();
    await page.waitForURL(/#post-1$/);
    await page.getByRole("link", { name: "Bob" }).first().click();
    await page.getByRole("heading", { name: "Bob" }).waitFor();
    await page.getByRole("link", { name: "Threads", exact: true }).click();
    await page.getByRole("link", { name: "Rust questions" }).waitFor();
    await person.leave();
  },

  async "write, change, delete"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const bob = await (await Person.of(browser, forum, { scripts })).logIn("Bob");
    const thread = await openThread(alice, "Seeds");
    await alice.page.locator("em", { hasText: "ones" }).waitFor();
    await reply(bob, thread, "Beans and peas");
    equal(await forum.contents(thread), ["Beans and peas"]);
    holds(await alice.page.goto(`/threads/${thread}`), "the thread");
    equal(await alice.page.locator("ol.posts").getByRole("link", { name: "Edit" }).count(), 0, "what is Bob's");
    await bob.page.locator("ol.posts").getByRole("link", { name: "Edit" }).click();
    await bob.page.getByLabel("Your post").fill("Peas only");
    await bob.page.getByRole("button", { name: "Save" }).click();
    await bob.page.getByText("edited").waitFor();
    equal(await forum.contents(thread), ["Peas only"]);
    await alice.page.getByRole("link", { name: "Edit thread" }).click();
    await alice.page.getByLabel("Title").fill("Seeds and bulbs");
    await alice.page.getByRole("button", { name: "Save" }).click();
    await alice.page.getByRole("heading", { name: "Seeds and bulbs" }).waitFor();
    await bob.page.locator("ol.posts").getByRole("link", { name: "Delete" }).click();
    await bob.page.getByRole("button", { name: "Delete" }).click();
    await bob.page.getByText("Nobody has replied yet.").waitFor();
    await alice.page.getByRole("link", { name: "Delete thread" }).click();
    await alice.page.getByRole("button", { name: "Delete" }).click();
    await alice.page.waitForURL("/");
    equal(await alice.page.getByRole("link", { name: "Seeds and bulbs" }).count(), 0);
    await alice.leave();
    await bob.leave();
  },

  async "preview"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/1");
    await page.getByLabel("Your post").fill("# Plan\n\n- **dig**");
    if (!scripts) await page.getByRole("button", { name: "Preview" }).click();
    await page.getByLabel("Preview").locator("h3", { hasText: "Plan" }).waitFor();
    equal(await page.getByLabel("Preview").locator("li strong").textContent(), "dig");
    equal(await page.getByLabel("Your post").inputValue(), "# Plan\n\n- **dig**");
    await alice.leave();
  },

  async "a button that is pressed twice sends once"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/2");
    const text = `Once ${scripts}`;
    await page.getByLabel("Your post").fill(text);
    await page.getByRole("button", { name: "Send" }).dblclick();
    await page.locator("ol.posts .text", { hasText: text }).waitFor();
    await page.goBack();
    await page.getByLabel("Your post").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/#post-/);
    equal((await forum.contents("2")).filter((content) => content === text).length, 1, "posts");
    await alice.leave();
  },

  async "two people at once see both versions"({ browser, forum, scripts }) {
    const expected = ["412 (Precondition Failed)"];
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const carol = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Carol");
    for (const { page } of [alice, carol]) await page.goto("/threads/1/edit");
    await alice.page.getByLabel("Description").fill("Alice was here");
    await alice.page.getByRole("button", { name: "Save" }).click();
    await alice.page.getByText("Alice was here").waitFor();
    await carol.page.getByLabel("Description").fill("Carol was here");
    await carol.page.getByRole("button", { name: "Save" }).click();
    await carol.page.getByRole("heading", { name: "The saved version" }).waitFor();
    await carol.page.getByText("Alice was here").waitFor();
    equal(await carol.page.getByLabel("Description").inputValue(), "Carol was here");
    equal((await forum.api("GET", "/api/threads/1")).description, "Alice was here");
    await carol.page.getByLabel("Description").fill("Both were here");
    await carol.page.getByRole("button", { name: "Save my version" }).click();
    await carol.page.getByText("Both were here").waitFor();
    await alice.leave();
    await carol.leave();
  },

  async "errors stand at their fields"({ browser, forum, scripts }) {
    const expected = ["422 (Unprocessable"];
    const alice = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Alice");
    const { page } = alice;
    await page.goto("/new-thread");
    // What a browser's own check lets through, and the API does not.
    await page.getByLabel("Title").fill("   ");
    await page.getByRole("button", { name: "Open the thread" }).click();
    await page.getByRole("alert").waitFor();
    const title = page.getByLabel("Title");
    equal(await title.getAttribute("aria-invalid"), "true");
    const id = await title.getAttribute("aria-describedby");
    holds((await page.locator(`#${id}`).textContent()).length > 5, "it says what is wrong");
    await alice.leave();
  },

  async "profile, export, account"({ browser, forum, scripts }) {
    const bob = await (await Person.of(browser, forum, { scripts })).logIn("Bob");
    const { page } = bob;
    await page.getByRole("link", { name: "Bob", exact: true }).first().click();
    await page.getByRole("link", { name: "Edit profile" }).click();
    await page.getByLabel("About you").fill("Reads feeds.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Reads feeds.").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export what you wrote" }).click();
    const exported = await readFile(await (await download).path(), "utf8");
    holds(exported.includes("Reads feeds.") && exported.includes('"post"'), exported);
    await page.getByRole("link", { name: "Delete account" }).click();
    await page.getByRole("button", { name: "Delete my account" }).click();
    await page.getByRole("link", { name: "Log in" }).waitFor();
    await page.goto("/threads/1");
    await page.getByText("[deleted user]").first().waitFor();
    // Back, with a new profile, for those who come next.
    await bob.logIn("Bob", "/profile");
    await page.getByLabel("Name").fill("Bob");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "Edit profile" }).waitFor();
    await bob.leave();
  },

  async "log out"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    await alice.page.getByRole("button", { name: "Log out" }).click();
    await alice.page.getByRole("link", { name: "Log in" }).waitFor();
    equal(await alice.context.cookies(), [], "cookies");
    await alice.leave();
  },

  async "by keyboard alone"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/2");
    await page.keyboard.press("Tab");
    equal(await page.locator(":focus").textContent(), "Skip to the content");
    await page.keyboard.press("Enter");
    const text = `By keyboard ${scripts}`;
    for (let tabs = 0; tabs < 80; tabs++) {
      await page.keyboard.press("Tab");
      if ((await page.locator("textarea:focus").count()) > 0) break;
    }
    await page.keyboard.type(text);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator("ol.posts .text", { hasText: text }).waitFor();
    await alice.leave();
  },
};
