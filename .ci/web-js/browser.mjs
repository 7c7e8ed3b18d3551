// Chromium, watched: no page may run what is not ours, load from elsewhere, or complain.

import { chromium } from "playwright-core";

/** @returns a browser that is on this machine already */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

export class Person {
  /** Somebody with a browser of their own. */
  static async of(browser, forum, { scripts = true, width = 1280, dark = false, seen = {} } = {}) {
    const person = new Person();
    person.forum = forum;
    person.faults = [];
    // What a check provokes by itself.
    person.expected = seen.expected ?? [];
    person.context = await browser.newContext({
      baseURL: forum.url,
      javaScriptEnabled: scripts,
      viewport: { width, height: 800 },
      colorScheme: dark ? "dark" : "light",
      locale: "en-GB",
      timezoneId: "Asia/Tokyo",
      acceptDownloads: true,
    });
    person.context.setDefaultTimeout(15_000);
    person.page = await person.context.newPage();
    person.watch(person.page);
    return person;
  }

  watch(page) {
    const fault = (text) => {
      if (!this.expected.some((part) => text.includes(part))) this.faults.push(`${page.url()}: ${text}`);
    };
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) fault(message.text());
    });
    page.on("pageerror", (error) => fault(String(error)));
    page.on("dialog", (dialog) => {
      fault(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(`${this.forum.url}/`)) fault(`a request to ${request.url()}`);
    });
  }

  async logIn(name, then = "/") {
    await this.page.goto(`/log-in?then=${encodeURIComponent(then)}`);
    await this.page.getByRole("button", { name: new RegExp(`^${name} `) }).click();
    await this.page.waitForURL((url) => url.pathname === then.split("?")[0]);
    return this;
  }

  /** Ends it. Throws what it had to complain about. */
  async leave() {
    await this.context.close();
    if (this.faults.length > 0) throw new Error(this.faults.join("\n"));
  }
}

/** Throws unless both are the same. */
export function equal(actual, expected, what = "") {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${what} ${one}, expected ${other}`);
}

/** Throws unless it holds. */
export function holds(condition, what) {
  if (!condition) throw new Error(what);
}
