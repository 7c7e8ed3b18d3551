// What moderators do.

import { Person, equal, holds } from "./browser.mjs";

/** Does something about a target, with a reason. */
async function act({ page }, target, button) {
  await page.goto(`/moderation/act?target=${target}`);
  await page.getByLabel("Reason").fill("Because of the rules");
  await page.getByRole("button", { name: button }).click();
  await page.waitForURL(/\/moderation\/log/);
}

export const moderation = {
  async "what is reported is removed, and comes back"({ browser, forum, scripts }) {
    const alice = await (await Person.of(browser, forum, { scripts })).logIn("Alice");
    const carol = await (await Person.of(browser, forum, { scripts })).logIn("Carol");
    const { postId } = await forum.api("POST", "/api/posts", { threadId: "1", userId: "2", content: `Buy now ${scripts}` });
    await alice.page.goto(`/posts/${postId}`);
    await alice.page.locator(`#post-${postId}`).getByRole("link", { name: "Report" }).click();
    await alice.page.getByLabel("What is wrong with it?").fill("An advertisement");
    await alice.page.getByRole("button", { name: "Report" }).click();
    await alice.page.getByText("A moderator will look at this post.").waitFor();
    equal(await alice.page.getByRole("link", { name: "Moderation" }).count(), 0, "what is for moderators");

    await carol.page.goto("/moderation");
    await carol.page.getByText("An advertisement", { exact: true }).waitFor();
    await carol.page.locator("li", { has: carol.page.getByText("An advertisement", { exact: true }) }).getByRole("link", { name: "Decide" }).click();
    await carol.page.getByLabel("Reason").fill("An advertisement, indeed");
    await carol.page.getByRole("button", { name: "Remove" }).click();
    await carol.page.getByText("An advertisement, indeed").waitFor();
    await carol.page.goto("/moderation");
    equal(await carol.page.getByText("An advertisement", { exact: true }).count(), 0, "reports that wait");
    await alice.page.goto(`/posts/${postId}`);
    await alice.page.locator(`#post-${postId}`).getByText("[removed by a moderator]").waitFor();
    await act(carol, `posts/${postId}`, "Restore");
    await alice.page.reload();
    await alice.page.getByText(`Buy now ${scripts}`).waitFor();
    await alice.leave();
    await carol.leave();
  },

  async "lock and pin"({ browser, forum, scripts }) {
    const bob = await (await Person.of(browser, forum, { scripts })).logIn("Bob");
    const carol = await (await Person.of(browser, forum, { scripts })).logIn("Carol");
    await act(carol, "threads/2", "Lock");
    await bob.page.goto("/threads/2");
    await bob.page.getByText("This thread is locked: it takes no more posts.").waitFor();
    await act(carol, "threads/2", "Unlock");
    await bob.page.reload();
    await bob.page.getByLabel("Your post").waitFor();
    await act(carol, "threads/2", "Pin");
    await bob.page.goto("/");
    const pinned = bob.page.getByLabel("Pinned threads").locator('a[href="/threads/2"]');
    await pinned.waitFor();
    await act(carol, "threads/2", "Unpin");
    await bob.page.reload();
    equal(await pinned.count(), 0);
    await bob.leave();
    await carol.leave();
  },

  async "who is suspended keeps the text"({ browser, forum, scripts }) {
    const expected = ["403 (Forbidden)"];
    const bob = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Bob");
    const carol = await (await Person.of(browser, forum, { scripts })).logIn("Carol");
    await act(carol, "users/2", "Suspend");
    await bob.page.goto("/threads/1");
    await bob.page.getByLabel("Your post").fill("Not now");
    await bob.page.getByRole("button", { name: "Send" }).click();
    await bob.page.getByRole("alert").getByText("Because of the rules").waitFor();
    equal(await bob.page.getByLabel("Your post").inputValue(), "Not now");
    await act(carol, "users/2", "Let write again");
    holds(!(await forum.contents("1")).includes("Not now"), "nothing was written");
    await bob.leave();
    await carol.leave();
  },
};
