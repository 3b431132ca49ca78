// The keyboard alone.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const focused = (page) => page.evaluate(() => document.activeElement?.name || document.activeElement?.textContent?.trim() || "");

test("an order is placed with the keyboard alone", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  const { keyboard } = page;
  await keyboard.press("n");
  await expectText(page.locator("h1"), "Place an order");
  await until("the first field to have the focus", async () => (await focused(page)) === "user_id");
  await keyboard.type("alice");
  for (const name of ["external_id", "source", "currency", "kind", "lines/0/product_name"]) {
    await keyboard.press("Tab");
    assert.equal(await focused(page), name);
  }
  await keyboard.type("nnn ?/gd keys are letters here");
  await keyboard.press("Tab");
  await keyboard.type("KB-1");
  await keyboard.press("Tab");
  await keyboard.press("Control+a");
  await keyboard.type("2");
  await keyboard.press("Tab");
  await keyboard.type("149.99");
  await keyboard.press("Tab");
  assert.equal(await focused(page), "lines/0/total");
  await keyboard.press("Tab");
  assert.equal(await focused(page), "Add a line");
  await keyboard.press("Enter");
  await until("the new line to have the focus", async () => (await focused(page)) === "lines/1/product_name");
  await keyboard.type("Wrist rest");
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  await keyboard.type("9.50");
  await keyboard.press("Enter");
  await expectText(page.locator(".title-status"), "Processed");
  const [order] = (await mill.json("/v1/orders")).data;
  assert.deepEqual([order.user_id, order.lines.length, order.amount], ["alice", 2, 309.48]);
  assert.equal(order.lines[0].product_name, "nnn ?/gd keys are letters here");
  // The view that was come to has the focus.
  await until("the heading to have the focus", async () => /^Order/.test(await focused(page)));
});

test("keys go everywhere, walk through rows, and open one", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  for (const external_id of ["A-1", "A-2", "A-3"]) await mill.place({ external_id });
  await page.goto(`${mill.url}/`);
  await isLive(page);
  const { keyboard } = page;
  for (const [letter, title] of [["a", "Orders"], ["d", "Dead letters"], ["o", "Overview"]]) {
    await keyboard.press("g");
    await keyboard.press(letter);
    await expectText(page.locator("h1"), title);
  }
  await keyboard.press("/");
  await page.locator("#filter-q:focus").waitFor();
  await keyboard.press("Tab");
  await page.locator("main tr[data-order]").nth(2).waitFor();
  await page.locator("h1").focus();
  await keyboard.press("j");
  assert.equal(await focused(page), "A-3");
  await keyboard.press("j");
  await keyboard.press("j");
  await keyboard.press("j");
  assert.equal(await focused(page), "A-1");
  await keyboard.press("k");
  assert.equal(await focused(page), "A-2");
  await keyboard.press("Enter");
  await expectText(page.locator("h1"), "Order A-2");
  await keyboard.press("?");
  await page.locator("dialog").getByText("Place an order").waitFor();
  await shot(page, "keyboard-help");
  await keyboard.press("Escape");
  await until("the help to be closed", async () => (await page.locator("dialog").count()) === 0);
});

test("the first Tab offers to skip to the content", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/orders`);
  await isLive(page);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assert.match(page.url(), /#\/orders$/);
});

test("a dialog keeps the focus, gives it back, and a dangerous one begins with no", async (t) => {
  const work = await endpoint(t, async () => ({ status: 422, body: {} }));
  const mill = await server(t, work);
  const page = await browserPage(t, mill);
  const { id } = await mill.place({ external_id: "A-1" });
  await mill.becomes(id, "FAILED");
  await page.goto(`${mill.url}/#/dead-letters`);
  await page.getByRole("link", { name: "A-1" }).waitFor();
  await isLive(page);
  const { keyboard } = page;
  await page.locator("h1").focus();
  await keyboard.press("j");
  await keyboard.press("x");
  await expectText(page.locator(".toolbar-count"), "1 selected");
  await page.getByRole("button", { name: "Discard selected" }).focus();
  await keyboard.press("Enter");
  await page.locator("dialog").waitFor();
  await until("no to have the focus", async () => (await focused(page)) === "Keep as it is");
  for (let presses = 0; presses < 8; presses += 1) {
    await keyboard.press("Tab");
    // The browser's own controls come between; nothing of the page behind does.
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null));
  }
  await keyboard.press("Escape");
  await until("the focus to be back", async () => (await focused(page)) === "Discard selected");
  assert.equal((await mill.json(`/v1/orders/${id}`)).status, "FAILED");
});
