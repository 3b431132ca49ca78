// What failed for good, and what a person does about it.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const dialog = (page) => page.locator("dialog");

/** A server whose endpoint refuses every order until `heal` is called, and these orders of it as dead letters. */
async function withDeadLetters(t, orders) {
  let isHealed = false;
  const work = await endpoint(t, async (order) => {
    if (isHealed) return { status: 200 };
    return order.metadata.fault ? { status: 410, body: { error: "gone" } } : { status: 422, body: { error: "the card was declined" } };
  });
  const mill = await server(t, work);
  const ids = [];
  for (const order of orders) ids.push((await mill.place(order)).id);
  for (const id of ids) await mill.becomes(id, "FAILED");
  return { mill, ids, heal: () => (isHealed = true) };
}

test("a dead letter is replayed, and becomes processed", async (t) => {
  const { mill, ids, heal } = await withDeadLetters(t, [{ external_id: "A-1" }]);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/dead-letters`);
  await expectText(page.locator(".badge"), /^1/);
  await page.getByRole("link", { name: "A-1" }).click();
  await expectText(page.locator(".title-status"), "Failed");
  await page.locator(".callout").getByText("the card was declined").waitFor();
  await shot(page, "order-failed");
  heal();
  await page.getByRole("button", { name: "Replay" }).click();
  await expectText(page.locator(".title-status"), "Processed");
  await page.getByText("Replayed by a person").waitFor();
  assert.equal((await mill.json(`/v1/orders/${ids[0]}`)).attempt, 1);
  await until("the number of dead letters to go", async () => (await page.locator(".badge").count()) === 0);
});

test("dead letters are grouped by reason, and all of one reason are replayed after a question that says how many", async (t) => {
  const orders = [{ metadata: { fault: "gone" } }, {}, {}, { user_id: "bob" }];
  const { mill, ids, heal } = await withDeadLetters(t, orders);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/dead-letters`);
  await isLive(page);
  const { data: reasons, counted } = await mill.json("/v1/dead-letters/reasons");
  assert.equal(counted, 4);
  const table = page.locator("section", { hasText: "By reason" });
  for (const { code, count } of reasons) {
    await expectText(table.locator("tr", { hasText: code }).locator("td").nth(2), String(count));
  }
  await shot(page, "dead-letters");
  heal();
  const [{ code, count }] = reasons;
  await table.getByRole("link", { name: code }).click();
  await page.getByRole("button", { name: `Replay all ${count}` }).click();
  await expectText(dialog(page).locator("h2"), `Replay ${count} orders?`);
  await shot(page, "dead-letters-question");
  // Saying no changes nothing.
  await dialog(page).getByRole("button", { name: "Keep as it is" }).click();
  assert.equal((await mill.json("/v1/stats")).failed, 4);
  await page.getByRole("button", { name: `Replay all ${count}` }).click();
  await dialog(page).getByRole("button", { name: `Replay ${count} orders` }).click();
  await page.getByText(`Replayed ${count} orders.`).waitFor();
  await until("the orders to be done", async () => (await mill.json("/v1/stats")).processed === count);
  assert.equal((await mill.json("/v1/stats")).failed, 4 - count);
  assert.equal(ids.length, 4);
});

test("a selection is discarded, and only that", async (t) => {
  const { mill, ids } = await withDeadLetters(t, [{ external_id: "A-1" }, { external_id: "A-2" }, { external_id: "A-3" }]);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/dead-letters`);
  await isLive(page);
  assert.equal(await page.getByRole("button", { name: "Discard selected" }).isDisabled(), true);
  await page.getByLabel("Select order A-1").check();
  await page.getByLabel("Select order A-3").check();
  await expectText(page.locator(".toolbar-count"), "2 selected");
  await page.getByRole("button", { name: "Discard selected" }).click();
  await expectText(dialog(page).locator("h2"), "Discard 2 orders?");
  await dialog(page).getByRole("button", { name: "Discard 2 orders" }).click();
  await page.getByText("Discarded 2 orders.").waitFor();
  await until("the list to show what is left", async () => (await page.locator("main tr[data-order]").count()) === 1);
  await page.getByRole("link", { name: "A-2" }).waitFor();
  const statuses = [];
  for (const id of ids) statuses.push((await mill.json(`/v1/orders/${id}`)).status);
  assert.deepEqual(statuses, ["CANCELLED", "FAILED", "CANCELLED"]);
  await expectText(page.locator(".toolbar-count"), "None selected");
});

test("all of one user's are discarded, and the page says that nothing is left", async (t) => {
  const { mill, heal } = await withDeadLetters(t, [{ user_id: "bob" }, { user_id: "bob" }, { user_id: "carol" }]);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/dead-letters`);
  await isLive(page);
  await page.getByLabel("User").fill("bob");
  await page.getByRole("button", { name: "Discard all 2" }).click();
  await page.locator("dialog").getByText("of the user bob").waitFor();
  await dialog(page).getByRole("button", { name: "Discard 2 orders" }).click();
  await page.getByText("No dead letter fits").waitFor();
  assert.equal((await mill.json("/v1/stats")).failed, 1);
  heal();
  await page.getByRole("link", { name: "Show all" }).click();
  await page.getByLabel("Select all orders of this page").check();
  await page.getByRole("button", { name: "Replay selected" }).click();
  await dialog(page).getByRole("button", { name: "Replay 1 order" }).click();
  await page.getByText("Nothing failed").waitFor();
  await shot(page, "dead-letters-none");
  assert.deepEqual((await mill.json("/v1/stats")).by_status, { PENDING: 0, PROCESSING: 0, RETRYING: 0, PROCESSED: 1, FAILED: 0, ON_HOLD: 0, CANCELLED: 2 });
});
