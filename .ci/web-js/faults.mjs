// What goes wrong on the way: a log-in that ends, a server that is gone.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { Person, equal, holds } from "./browser.mjs";

export const faults = {
  async "a log-in that has ended loses no text"({ browser, forum, scripts }) {
    const expected = ["401 (Unauthorized)", "403 (Forbidden)"];
    const alice = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/1");
    const text = `Written for an hour ${scripts}`;
    await page.getByLabel("Your post").fill(text);
    // With another key every token is void.
    await forum.kill();
    rmSync(join(forum.env.DATA_DIR, "dev-issuer.pem"));
    await forum.up();
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("You are not logged in any more.").waitFor();
    equal(await page.getByLabel("Your post").inputValue(), text);
    const second = alice.context.waitForEvent("page");
    await page.getByRole("link", { name: /Log in \(opens a new tab\)/ }).click();
    const tab = await second;
    alice.watch(tab);
    await tab.getByRole("button", { name: /^Alice / }).click();
    await tab.waitForURL("/");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("This form was opened before you logged in").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/#post-/);
    equal((await forum.contents("1")).filter((content) => content === text).length, 1, "posts");
    await alice.leave();
  },

  async "a server that is killed and comes back has the post once"({ browser, forum, scripts }) {
    const expected = ["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "chrome-error"];
    const alice = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Alice");
    const { page } = alice;
    await page.goto("/threads/1");
    const text = `Through thick and thin ${scripts}`;
    await page.getByLabel("Your post").fill(text);
    await forum.kill();
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/^chrome-error:/);
    await forum.up();
    await page.goto("/threads/1");
    if (scripts) {
      // The draft came through.
      equal(await page.getByLabel("Your post").inputValue(), text);
    } else {
      await page.getByLabel("Your post").fill(text);
    }
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL(/#post-/);
    equal((await forum.contents("1")).filter((content) => content === text).length, 1, "posts");
    holds(alice.faults.length === 0, alice.faults.join("\n"));
    await alice.leave();
  },
};
