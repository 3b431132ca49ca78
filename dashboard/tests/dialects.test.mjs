// A page of orderflow's kind, served from another origin, against our server: what no test without a browser can tell is
// whether a browser lets it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { browserPage, closeBrowser, expectText, repository, server, shot, site, until } from "./harness.mjs";

after(closeBrowser);

const file = join(repository, "dashboard/tests/orderflow-page.html");

/** A server that orderflow's pages may ask how it is. */
const orderflow = { settings: { "dialects.orderflow": "true" } };

/** Serves the page at another port of this machine. */
const elsewhere = (t) => site(t, readFileSync(file));

/** Read at one moment: the page lists anew meanwhile, and a row that is gone has no columns. */
const rows = (page) => page.evaluate(() => [...document.querySelectorAll("#orders tr")].map((row) => row.innerText));

async function place(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.locator(`[name=${name}]`).fill(value);
  await page.getByRole("button", { name: "Place" }).click();
}

test("a page of another origin places orders, is told what is wrong, and lists them every few moments", async (t) => {
  const mill = await server(t, orderflow);
  const origin = await elsewhere(t);
  const page = await browserPage(t, mill, { also: [origin] });
  page.mayFail = true; // the 400 below
  await page.goto(`${origin}/?api=${mill.url}&every=200`);
  await expectText(page.locator("#health"), "healthy");
  await expectText(page.locator("#count"), "0");
  await place(page, { user_id: "alice", product_name: "Mechanical Keyboard", quantity: "2", price: "149.99" });
  await expectText(page.locator("#said"), "Placed on shard1 (A-M): created");
  await place(page, { user_id: "émile", product_name: "<b>Café ☕</b>", quantity: "1", price: "2.5" });
  await expectText(page.locator("#said"), "Placed on shard2 (N-Z): created");
  // The next list, without anybody's doing, shows that both are done and where their receipts lie.
  await until("both to be done", async () => (await rows(page)).filter((row) => /processed\treceipts\/.+\.txt$/.test(row)).length === 2);
  const [first, second] = await rows(page);
  assert.match(first, /\talice\tMechanical Keyboard\t\$299\.98\tprocessed\treceipts\/alice\//);
  assert.match(second, /\témile\t<b>Café ☕<\/b>\t\$2\.50\tprocessed\treceipts\/émile\//);
  await place(page, { user_id: "alice", product_name: "Mouse", quantity: "0", price: "1" });
  await expectText(page.locator("#said"), "user_id, product_name, quantity, and price are required");
  await place(page, { user_id: "alice", product_name: "Mouse", quantity: "1", price: "1.999" });
  await expectText(page.locator("#said"), /price has more than 2 digits/);
  // Somebody else's order shows up by itself, and a search narrows the list.
  await mill.place({ user_id: "zoe", lines: undefined, amount: "12.50" });
  await until("zoe's order", async () => (await rows(page)).some((row) => row.includes("\tzoe\t0 items\t$12.50\t")));
  await page.locator("#of").fill("émile");
  await expectText(page.locator("#count"), "1");
  await shot(page, "orderflow-page");
});

test("the same page opened as a file, which has no origin, works if http.cors_origins has null", async (t) => {
  const mill = await server(t, { settings: { ...orderflow.settings, "http.cors_origins": "loopback,null" } });
  const page = await browserPage(t, mill, { also: ["file://"] });
  await page.goto(`file://${file}?api=${mill.url}&every=200`);
  await expectText(page.locator("#count"), "0");
  await place(page, { user_id: "bob", product_name: "Mug", quantity: "1", price: "5" });
  await expectText(page.locator("#said"), "Placed on shard1 (A-M): created");
  await expectText(page.locator("#count"), "1");
});

test("opened as a file it can neither read nor place orders without that setting", async (t) => {
  const mill = await server(t, orderflow);
  const page = await browserPage(t, mill, { also: ["file://"], mayComplain: /blocked by CORS policy/ });
  page.mayFail = true;
  const failures = [];
  page.removeAllListeners("pageerror"); // the page handles no refusals
  page.on("pageerror", (error) => failures.push(error.message));
  await page.goto(`file://${file}?api=${mill.url}&every=60000`);
  await until("its first reads to fail", () => failures.length >= 2);
  await place(page, { user_id: "bob", product_name: "Mug", quantity: "1", price: "5" });
  await until("its order to fail", () => failures.length >= 3);
  assert.deepEqual([...new Set(failures)], ["Failed to fetch"]);
  assert.equal((await mill.json("/v1/stats")).accepted, 0);
});

test("a page of this machine cannot read what no dialect opens", async (t) => {
  const mill = await server(t, orderflow);
  const origin = await elsewhere(t);
  const page = await browserPage(t, mill, { also: [origin], mayComplain: /blocked by CORS policy/ });
  page.mayFail = true;
  await page.goto(`${origin}/?api=${mill.url}&every=60000`);
  await expectText(page.locator("#count"), "0");
  for (const path of ["/v1/orders", "/v1/stats"]) {
    const read = await page.evaluate((url) => fetch(url).then((answer) => answer.status, (error) => error.name), mill.url + path);
    assert.equal(read, "TypeError", path);
  }
  for (const [path, expected] of [["/api/orders", 200], ["/orders/1", 404]]) {
    const opened = await page.evaluate((url) => fetch(url).then((answer) => answer.status), mill.url + path);
    assert.equal(opened, expected, path);
  }
});
