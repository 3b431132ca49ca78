// Real servers and a real Chromium for the tests of everything that a browser sees. Each test file is a program of node's
// own test runner; `scripts/test` runs them all, and one alone runs with
//
//   cargo build -p ordermill && node --test dashboard/tests/placing.test.mjs
//
// How to add a test: a file `dashboard/tests/NAME.test.mjs` that takes what it needs from here and lets go of it by itself:
//
//   import { browserPage, server } from "./harness.mjs";
//   test("what must hold", async (t) => {
//     const mill = await server(t);                  // a process of its own, with an empty store
//     const page = await browserPage(t, mill);       // fails the test at its end for whatever a page must never do
//     await page.goto(`${mill.url}/docs`);
//     await shot(page, "docs");                      // kept in target/screenshots
//   });
//
// A wait is always for something (locator.waitFor, expectText, until), never for a time.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");
const program = process.env.ORDERMILL_TEST_BINARY ?? join(target, "debug/ordermill");
const screenshots = join(target, "screenshots");
const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

/** How long anything may take to come, on a machine that does other things too. */
export const PATIENCE_MS = 30_000;

/** What is to be let go of at the end of each test. @type {WeakMap<object, (() => Promise<void> | void)[]>} */
const ends = new WeakMap();

/** Runs `end` when the test is over, the last one first: a page is closed before its server is. */
function atEnd(t, end) {
  const known = ends.get(t);
  if (known) return known.unshift(end);
  const all = [end];
  ends.set(t, all);
  return t.after(async () => {
    const faults = [];
    for (const end of all) {
      try {
        await end();
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (faults.length > 0) throw faults[0];
  });
}

// --------------------------------------------------------------------------------------------------------------------
// Servers

/** A port that is free now, for a server that has to come back on the same one. */
export async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** An ordermill process with a data folder of its own. */
export class Server {
  /** @param {{ settings?: Record<string, string>, webSocketPort?: number }} options */
  constructor({ settings = {}, webSocketPort }, port) {
    this.webSocketPort = webSocketPort;
    this.folder = mkdtempSync(join(tmpdir(), "ordermill-page-"));
    this.settings = settings;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async start() {
    if (!existsSync(program)) throw new Error(`${program} is missing: run 'cargo build -p ordermill'`);
    const flags = Object.entries(this.settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
    const webSockets = this.webSocketPort ? `127.0.0.1:${this.webSocketPort}` : "";
    const addresses = ["--http-addr", `127.0.0.1:${this.port}`, "--ws-addr", webSockets, "--grpc-addr", ""];
    this.process = spawn(program, ["serve", "--data-dir", join(this.folder, "data"), ...addresses, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: this.process.stdout })) {
      if (line.startsWith("http: listening on ")) return;
    }
    throw new Error("the server ended before it was ready");
  }

  /** SIGKILL: nothing is said goodbye to. */
  async kill() {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  async json(path, options) {
    const response = await fetch(this.url + path, options);
    assert.ok(response.ok, `${path}: ${response.status} ${response.ok ? "" : await response.text()}`);
    return response.json();
  }

  post(path, body) {
    const type = { "content-type": "application/json" };
    return this.json(path, { method: "POST", headers: body === undefined ? {} : type, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  /** Places an order, of Alice's if nothing else is said. */
  place(order = {}) {
    const lines = [{ sku: "KB-1", product_name: "Mechanical Keyboard", quantity: 2, unit_price: "149.99" }];
    return this.post("/v1/orders", { user_id: "alice", lines, ...order });
  }

  /** Places many at once, each committed on its own. */
  placeMany(orders) {
    return this.post("/v1/orders/batch", orders);
  }

  /** Waits until an order stands so. */
  becomes(id, status) {
    return until(`order ${id} to become ${status}`, async () => (await this.json(`/v1/orders/${id}`)).status === status);
  }
}

/**
 * A running server; it is killed at the end of the test, and its folder removed. `settings` as for `serve --set`; with
 * `webSocketPort` it has the separate WebSocket port, too.
 */
export async function server(t, options = {}) {
  const started = new Server(options, await freePort());
  atEnd(t, async () => {
    await started.kill();
    rmSync(started.folder, { recursive: true, force: true });
  });
  await started.start();
  return started;
}

/**
 * The work's other end: an HTTP endpoint that answers each order as `answer` says: `{ status, body }`, now or later. Give its
 * settings to `server`.
 */
export async function endpoint(t, answer) {
  const calls = [];
  const listener = http.createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", async () => {
      const order = JSON.parse(text);
      calls.push(order);
      const { status, body = {} } = await answer(order, calls.length);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  atEnd(t, () => {
    listener.close();
    listener.closeAllConnections();
  });
  const url = `http://127.0.0.1:${listener.address().port}/work`;
  return { url, calls, settings: { "handler.kind": "http", "handler.url": url } };
}

/**
 * Another web server: it serves `html` at every path. Returns its origin under `name`, which is a name of this machine or ends
 * in .example: the browser finds those on this machine, but as for every other site they are foreign to it.
 */
export async function site(t, html, name = "localhost") {
  const listener = http.createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(html);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  atEnd(t, () => {
    listener.close();
    listener.closeAllConnections();
  });
  return `http://${name}:${listener.address().port}`;
}

// --------------------------------------------------------------------------------------------------------------------
// Browsers

/** One browser for all tests of a file; it goes with the process. */
let browser;

async function chromiumBrowser() {
  if (!chromiumPath) throw new Error("Chromium is missing: run 'scripts/parts install' (Debian package chromium)");
  browser ??= await chromium.launch({
    executablePath: chromiumPath,
    args: ["--host-resolver-rules=MAP *.example 127.0.0.1", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  return browser;
}

/**
 * A page of its own, with nothing remembered. At the end of the test it must not have broken its Content-Security-Policy,
 * asked anybody but `mill` and the origins `also`, thrown, or complained on its console of anything but `mayComplain`;
 * `page.mayFail` is for requests that are meant to fail.
 * @param {Server} mill
 */
export async function browserPage(t, mill, { theme = "light", width = 1280, height = 860, also = [], mayComplain, ...options } = {}) {
  const opened = await chromiumBrowser();
  const context = await opened.newContext({ viewport: { width, height }, colorScheme: theme, locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const wrong = [];
  page.mayFail = false;
  await page.exposeFunction("__violated", (text) => wrong.push(`against the policy: ${text}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => globalThis.__violated(`${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on("pageerror", (error) => wrong.push(`thrown: ${error.stack}`));
  page.on("console", (message) => {
    // Chromium reports every answer that is no success, and every lost connection, as an error of the page.
    const isOfTheNetwork = /^Failed to load resource|^WebSocket connection to/.test(message.text());
    if (mayComplain?.test(message.text())) return;
    if (["error", "warning"].includes(message.type()) && !(isOfTheNetwork && page.mayFail)) wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const isKnown = [mill.url, ...also].some((origin) => request.url().startsWith(`${origin}/`));
    if (!isKnown && !request.url().startsWith("data:")) wrong.push(`asked elsewhere: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (![mill.url, ...also].some((origin) => socket.url().startsWith(origin.replace("http", "ws")))) wrong.push(`asked elsewhere: ${socket.url()}`);
  });
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  });
  return page;
}

/** Closes the file's browser; `after(closeBrowser)` at the top of each file. */
export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

/** Keeps what the page looks like in target/screenshots. */
export async function shot(page, name, options = {}) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), animations: "disabled", ...options });
}

/** Waits until the live connection stands. */
export async function isLive(page) {
  await page.locator("[data-connection=live]").waitFor();
}

/** Waits until `holds`, asking again and again. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the element's text is, or matches, `expected`. */
export async function expectText(locator, expected) {
  let text;
  try {
    await until(`the text ${expected}`, async () => {
      text = (await locator.allInnerTexts()).join("\n").trim();
      return expected instanceof RegExp ? expected.test(text) : text === expected;
    });
  } catch (error) {
    throw new Error(`${error.message}; it is ${JSON.stringify(text)}`);
  }
}
