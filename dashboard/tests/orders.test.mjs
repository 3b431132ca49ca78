// The live list: filters, pages, and rows that stay true.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const rows = (page) => page.locator("main tr[data-order]");
/** The ids of the rows that are shown, from above. */
const shown = (page) => rows(page).evaluateAll((found) => found.map((row) => row.dataset.order));

function shows(page, expected, what = "the list") {
  return until(`${what} to show ${expected.length} orders`, async () => JSON.stringify(await shown(page)) === JSON.stringify(expected));
}

test("the list is filtered by status, user, source, text and time, and the address keeps the filters", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  const at = {};
  at.web = (await mill.place({ user_id: "alice", source: "web" })).id;
  at.pos = (await mill.place({ user_id: "bob", source: "pos", external_id: "SO-7" })).id;
  at.lamp = (await mill.post("/v1/orders", { user_id: "alice", lines: [{ sku: "LAMP-2", product_name: "Desk lamp", quantity: 1, unit_price: 20 }] })).id;
  for (const id of Object.values(at)) await mill.becomes(id, "PROCESSED");
  await page.goto(`${mill.url}/#/orders`);
  await shows(page, [at.lamp, at.pos, at.web]);
  // Two filters within the same moment: neither undoes the other.
  await page.getByLabel("User").fill("alice");
  await page.getByLabel("Status").selectOption("PROCESSED");
  await shows(page, [at.lamp, at.web], "alice's list");
  assert.match(page.url(), /status=PROCESSED&user=alice/);
  await page.getByLabel("Source").selectOption("web");
  await shows(page, [at.web], "alice's list from the web");
  assert.match(page.url(), /user=alice/);
  await page.reload();
  await shows(page, [at.web], "the reloaded list");
  assert.equal(await page.getByLabel("User").inputValue(), "alice");
  await page.getByRole("link", { name: "Clear" }).click();
  await shows(page, [at.lamp, at.pos, at.web]);
  for (const text of ["SO-", "SO-7"]) {
    await page.getByLabel("Search").fill(text);
    await shows(page, [at.pos], text);
  }
  await page.getByLabel("Search").fill("LAMP");
  await shows(page, [at.lamp], "LAMP");
  await page.getByLabel("Search").fill("Desk");
  await shows(page, [at.lamp], "Desk");
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByLabel("Status").selectOption("FAILED");
  await page.getByText("No order fits these filters").waitFor();
  await shot(page, "orders-nothing-fits");
  await page.getByRole("link", { name: "Clear the filters" }).click();
  await page.getByLabel("Created").selectOption("1h");
  await shows(page, [at.lamp, at.pos, at.web]);
  await page.getByLabel("Created").selectOption("range");
  await page.getByLabel("From").fill("2020-01-01T00:00");
  await page.getByLabel("To").fill("2020-01-02T00:00");
  await page.getByText("No order fits these filters").waitFor();
  await page.getByLabel("To").fill("2120-01-02T00:00");
  await shows(page, [at.lamp, at.pos, at.web]);
  // An id leads to its order, however it is written.
  await page.getByLabel("Search").fill(at.pos.toUpperCase());
  await expectText(page.locator("h1"), "Order SO-7");
});

test("new orders come in above and change under one's eyes", async (t) => {
  let letGo;
  const isLetGo = new Promise((resolve) => (letGo = resolve));
  const work = await endpoint(t, async () => {
    await isLetGo;
    return { status: 200 };
  });
  const mill = await server(t, work);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/orders`);
  await page.getByText("No orders yet").waitFor();
  await isLive(page);
  await shot(page, "orders-empty");
  const first = await mill.place({ external_id: "A-1" });
  await shows(page, [first.id]);
  const second = await mill.place({ external_id: "A-2" });
  await shows(page, [second.id, first.id]);
  const status = page.locator(`tr[data-order="${first.id}"] .cell-status`);
  await expectText(status, "Processing");
  letGo();
  await expectText(status, "Processed");
});

test("an order leaves and enters a filtered list as its status changes", async (t) => {
  const mill = await server(t, { settings: { "worker.enabled": "false" } });
  const page = await browserPage(t, mill);
  const { id } = await mill.place();
  await page.goto(`${mill.url}/#/orders?status=PENDING`);
  await shows(page, [id]);
  await isLive(page);
  await mill.post(`/v1/orders/${id}/hold`);
  await page.getByText("No order fits these filters").waitFor();
  await mill.post(`/v1/orders/${id}/release`);
  await shows(page, [id]);
});

test("pages go back in time and forth again, and stay put while new orders come in", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  const { results } = await mill.placeMany(Array.from({ length: 120 }, (_, index) => ({ user_id: "alice", amount: index + 1 })));
  const ids = results.map(({ order }) => order.id).sort().reverse();
  await page.goto(`${mill.url}/#/orders`);
  await shows(page, ids.slice(0, 50), "the first page");
  await isLive(page);
  await page.getByRole("button", { name: "Older" }).click();
  await shows(page, ids.slice(50, 100), "the second page");
  const { id } = await mill.place();
  await mill.becomes(id, "PROCESSED");
  await page.getByRole("button", { name: "Older" }).click();
  await shows(page, ids.slice(100), "the last page");
  assert.equal(await page.getByRole("button", { name: "Older" }).isDisabled(), true);
  await page.getByRole("button", { name: "Newer" }).click();
  await shows(page, ids.slice(50, 100), "the second page again");
  await page.getByRole("button", { name: "Newest" }).click();
  await shows(page, [id, ...ids.slice(0, 49)], "the first page with the new order");
});

test("a store that fails is said, and the list comes back with it", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  const { id } = await mill.place();
  // The page asks by itself, too, when an order changes: the store is well again only once somebody has clicked.
  await page.route("**/v1/orders?*", async (route) => {
    if (await page.evaluate(() => globalThis.wasClicked)) return route.continue();
    return route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ title: "The store is unavailable", status: 503, code: "unavailable", detail: "Try again.", errors: [], request_id: "abc123" }) });
  });
  await page.goto(`${mill.url}/#/orders`);
  await page.getByText("The store is unavailable").waitFor();
  await page.getByText("abc123").waitFor();
  await page.evaluate(() => addEventListener("click", () => { globalThis.wasClicked = true; }, true));
  await page.getByRole("button", { name: "Try again" }).click();
  await shows(page, [id]);
  await page.unroute("**/v1/orders?*");
  assert.equal(await page.locator(".trouble").count(), 0);
});

test("an address that leads nowhere says what to do", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  for (const [where, says] of [
    ["#/orders/0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11", "There is no order with this id"],
    ["#/orders/rubbish", "There is no order with this id"],
    ["#/nowhere/at/all", "This address leads nowhere"],
    ["#/%E0%A4%A", "This address leads nowhere"],
  ]) {
    await page.goto(`${mill.url}/${where}`);
    await page.getByText(says).waitFor();
  }
});
