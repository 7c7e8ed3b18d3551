// A forum to look at: `forum dev` on data of its own, which can be killed and started again.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 60_000;

/** Waits until the condition holds. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export class Forum {
  looks = 0;

  /** On JSON files, which hold what `files` says; or on the DynamoDB at that endpoint, in tables of its own. */
  static async start(program, { endpoint = "", files = {} } = {}) {
    const forum = new Forum();
    forum.program = program;
    forum.dir = mkdtempSync(join(tmpdir(), "forum-page-"));
    forum.port = await freePort();
    forum.url = `http://localhost:${forum.port}`;
    const name = (table) => `page-${table}-${forum.port}-${Date.now()}`;
    forum.env = {
      PATH: process.env.PATH,
      DATA_DIR: join(forum.dir, "data"),
      PORT: String(forum.port),
      LOG_FORMAT: "json",
      ...(endpoint && {
        USE_DYNAMODB: "true",
        DYNAMODB_ENDPOINT: endpoint,
        DYNAMODB_ATTEMPT_TIMEOUT_MS: "20000",
        DYNAMODB_OPERATION_TIMEOUT_MS: "25000",
        ...Object.fromEntries(["users", "threads", "posts", "reports", "modlog"].map((table) => [`DYNAMODB_${table.toUpperCase()}_TABLE`, name(table)])),
      }),
    };
    mkdirSync(forum.env.DATA_DIR);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(forum.env.DATA_DIR, name), text);
    if (endpoint) await forum.run("tables", "create");
    await forum.up();
    return forum;
  }

  /** Runs a command of the program, to its end. */
  run(...args) {
    return new Promise((done, failed) => {
      const child = spawn(this.program, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      let out = "";
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", (data) => (said += data));
      child.on("exit", (code) => (code === 0 ? done(out) : failed(new Error(`${args.join(" ")}: ${said}`))));
    });
  }

  async up() {
    const log = openSync(this.log, "a");
    this.child = spawn(this.program, ["dev"], { env: this.env, stdio: ["ignore", "ignore", log] });
    await until("the forum to start", async () => {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${readFileSync(this.log, "utf8").slice(-2000)}`);
      return fetch(`${this.url}/health`).then((response) => response.ok, () => false);
    });
  }

  get log() {
    return join(this.dir, "log");
  }

  /** The log's lines about requests to the API so far. A line may be written after the response: one more request shows that none is missing. */
  async requests() {
    const last = `/api/threads/look-${++this.looks}`;
    await fetch(`${this.url}${last}`);
    const lines = () => readFileSync(this.log, "utf8").split("\n").filter((line) => line.includes('"request finished"') && line.endsWith("}"));
    const entries = await until("the log", () => {
      const entries = lines().map((line) => JSON.parse(line));
      return entries.some(({ path }) => path === last) && entries;
    });
    return entries.filter(({ path }) => !path.startsWith("/api/threads/look-")).map(({ method, route }) => `${method} ${route}`);
  }

  async kill() {
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGKILL");
    await ended;
  }

  async end() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A response of the API, which must be a success. */
  async api(method, path, body, token) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async token(user) {
    return (await this.run("token", user)).trim();
  }

  /** What the posts of a thread say. */
  async contents(thread) {
    return (await this.api("GET", `/api/posts/in-thread/${thread}?limit=1000`)).map((post) => post.content);
  }
}
