// What the page's scripts add.

import { Person, equal, holds } from "./browser.mjs";

export const scripted = {
  async "a draft survives a reload, and ends when it was sent"({ browser, forum }) {
    const alice = await (await Person.of(browser, forum)).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/1");
    await page.getByLabel("Your post").fill("Half a thought");
    await page.reload();
    equal(await page.getByLabel("Your post").inputValue(), "Half a thought");
    await page.getByLabel("Preview").getByText("Half a thought").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/#post-/);
    await page.locator("ol.posts .text", { hasText: "Half a thought" }).waitFor();
    equal(await page.getByLabel("Your post").inputValue(), "");
    holds(!page.url().includes("sent="), page.url());
    await page.goto("/threads/1");
    equal(await page.getByLabel("Your post").inputValue(), "");
    await alice.leave();
  },

  async "the next page comes when one scrolls"({ browser, forum }) {
    for (let number = 0; number < 110; number++) {
      await forum.api("POST", "/api/posts", { threadId: "2", userId: "3", content: `Number ${number}.` });
    }
    const person = await Person.of(browser, forum);
    const { page } = person;
    await page.goto("/threads/2");
    const last = page.getByText("Number 109.");
    for (let turn = 0; turn < 20 && (await last.count()) === 0; turn++) {
      const before = await page.locator("ol.posts > li").count();
      await page.locator("section.reply").scrollIntoViewIfNeeded();
      await page.waitForFunction(
        (before) => document.querySelectorAll("ol.posts > li").length > before || !document.querySelector("a[rel=next]"),
        before,
      );
    }
    const all = (await forum.contents("2")).length;
    equal(await page.locator("ol.posts > li").count(), all, "posts");
    equal(new Set(await page.locator("ol.posts > li").evaluateAll((items) => items.map((item) => item.id))).size, all, "ids");
    equal(await page.locator("a[rel=next]").count(), 0);
    await person.leave();
  },

  async "times are in the reader's zone"({ browser, forum }) {
    const person = await Person.of(browser, forum);
    await person.page.goto("/threads/1");
    // 10:05 in UTC is 19:05 in Tokyo.
    equal(await person.page.locator("#post-1 time").first().textContent(), "5 Jan 2026, 19:05");
    await person.leave();
  },
};
