// Placing an order, and watching it get done.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const field = (page, name) => page.locator(`[name="${name}"]`);

async function fillOneLine(page) {
  await field(page, "user_id").fill("alice");
  await field(page, "lines/0/product_name").fill("Mechanical Keyboard");
  await field(page, "lines/0/quantity").fill("2");
  await field(page, "lines/0/unit_price").fill("149.99");
}

test("an order with several lines is placed and becomes processed without a reload", async (t) => {
  let letGo;
  const isLetGo = new Promise((resolve) => (letGo = resolve));
  const work = await endpoint(t, async () => {
    await isLetGo;
    return { status: 200, body: { payment: "pay_1" } };
  });
  const mill = await server(t, work);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/place`);
  await isLive(page);
  await fillOneLine(page);
  await page.getByRole("button", { name: "Add a line" }).click();
  await field(page, "lines/1/product_name").fill("Wrist rest");
  await field(page, "lines/1/quantity").fill("1");
  await field(page, "lines/1/unit_price").fill("9.5");
  await expectText(page.locator(".lines-sum strong"), "309.48");
  await page.getByRole("button", { name: "Place order" }).click();
  await expectText(page.locator(".title-status"), "Processing");
  const loads = [];
  page.on("load", () => loads.push(page.url()));
  letGo();
  await expectText(page.locator(".title-status"), "Processed");
  await page.locator("pre.receipt").getByText("RECEIPT").waitFor();
  await expectText(page.locator(".table tfoot .amount"), "309.48 USD");
  await page.getByText("pay_1").waitFor();
  assert.deepEqual(await page.locator(".happened-what").allInnerTexts(), ["Accepted and stored", "Work began, attempt 1", "Done"]);
  assert.deepEqual(loads, []);
  const [order] = (await mill.json("/v1/orders")).data;
  assert.equal(order.lines.length, 2);
  await shot(page, "order-processed");
});

test("every fault is shown at its field at once, and can be put right", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  await page.goto(`${mill.url}/#/place`);
  await isLive(page);
  await field(page, "lines/0/quantity").fill("0.0005");
  await page.getByRole("button", { name: "Add a line" }).click();
  await field(page, "lines/1/product_name").fill("Lamp");
  await field(page, "lines/1/quantity").fill("many");
  await field(page, "lines/1/unit_price").fill("1.999");
  await page.getByRole("button", { name: "Place order" }).click();
  await page.locator(".trouble").waitFor();
  const faulty = await page.locator("[aria-invalid=true]").evaluateAll((inputs) => inputs.map((input) => input.name));
  assert.deepEqual(faulty, ["user_id", "lines/0/product_name", "lines/0/quantity", "lines/0/unit_price", "lines/1/quantity", "lines/1/unit_price"]);
  const describedBy = await field(page, "user_id").getAttribute("aria-describedby");
  await expectText(page.locator(`[id="${describedBy}"]`), "Is required");
  await shot(page, "place-faults");
  // The list of faults leads to the fields.
  await page.locator(".trouble").getByRole("link", { name: "Line 2, price each" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.name), "lines/1/unit_price");
  assert.equal((await mill.json("/v1/stats")).accepted, 0);
  await fillOneLine(page);
  await page.getByRole("button", { name: "Remove line 2" }).click();
  await page.getByRole("button", { name: "Place order" }).click();
  await expectText(page.locator(".title-status"), "Processed");
});

test("totals, fractional quantities, adjustments and a time are placed and shown", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/place`);
  await isLive(page);
  await fillOneLine(page);
  await page.getByRole("button", { name: "Add a line" }).click();
  await field(page, "lines/1/product_name").fill("Tea, loose");
  await field(page, "lines/1/quantity").fill("0.485");
  await field(page, "lines/1/unit_price").fill("19.90");
  await field(page, "lines/1/total").fill("9.65");
  for (const [index, kind, label, amount] of [[0, "discount", "SPRING", "-20.00"], [1, "shipping", "", "4.90"], [2, "tax", "VAT", "7.00"]]) {
    await page.getByRole("button", { name: "Add a discount, shipping or tax" }).click();
    await field(page, `adjustments/${index}/kind`).selectOption(kind);
    if (label) await field(page, `adjustments/${index}/label`).fill(label);
    await field(page, `adjustments/${index}/amount`).fill(amount);
  }
  await page.getByLabel("In the prices").check();
  await field(page, "process_after").fill("2099-01-31T08:00");
  await expectText(page.locator(".lines-sum strong"), "294.53");
  await shot(page, "place-adjustments");
  await page.getByRole("button", { name: "Place order" }).click();
  await expectText(page.locator(".title-status"), "Pending");
  await expectText(page.locator(".table tfoot .amount"), "294.53 USD");
  await page.getByText("Is not processed before", { exact: false }).waitFor();
  assert.deepEqual(await page.locator(".adjustment-row .number").allInnerTexts(), ["-20.00", "4.90", "7.00"]);
  await page.locator(".adjustment-row", { hasText: "VAT" }).getByText("included in the prices").waitFor();
  const [order] = (await mill.json("/v1/orders")).data;
  assert.equal(order.lines[1].quantity, 0.485);
  assert.equal(order.adjustments[2].included, true);
  assert.equal(new Date(order.process_after).getTime(), new Date("2099-01-31T08:00").getTime());
  await shot(page, "order-adjustments");
});

test("a fault of an adjustment is shown at its field", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  await page.goto(`${mill.url}/#/place`);
  await isLive(page);
  await fillOneLine(page);
  await field(page, "lines/0/total").fill("1.00");
  await page.getByRole("button", { name: "Add a discount, shipping or tax" }).click();
  await field(page, "adjustments/0/kind").selectOption("discount");
  await field(page, "adjustments/0/amount").fill("5.00");
  await page.getByRole("button", { name: "Place order" }).click();
  await page.locator(".trouble").waitFor();
  const faulty = await page.locator("[aria-invalid=true]").evaluateAll((inputs) => inputs.map((input) => input.name));
  assert.deepEqual(faulty, ["lines/0/total", "adjustments/0/amount"]);
  await page.locator(".trouble").getByRole("link", { name: "Adjustment 1, amount" }).waitFor();
});

test("a double click makes one order", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/#/place`);
  await fillOneLine(page);
  // Two events in the same moment, before anything could be drawn: what no person's mouse manages is the worst case.
  await page.getByRole("button", { name: "Place order" }).evaluate((button) => {
    button.click();
    button.click();
    button.form.requestSubmit();
  });
  await expectText(page.locator(".title-status"), "Processed");
  assert.equal((await mill.json("/v1/stats")).accepted, 1);
});

test("an order whose answer was lost is sent again without making a second one", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  await page.goto(`${mill.url}/#/place`);
  await isLive(page);
  await fillOneLine(page);
  let lost = 0;
  await page.route("**/v1/orders", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    // The server takes it; the answer never arrives.
    await route.fetch();
    lost += 1;
    return route.abort();
  });
  await page.getByRole("button", { name: "Place order" }).click();
  await page.getByText("It is not known whether the order was taken.").waitFor();
  assert.equal(await field(page, "user_id").isDisabled(), true);
  await shot(page, "place-in-doubt");
  await page.unroute("**/v1/orders");
  await page.getByRole("button", { name: "Send again" }).click();
  await expectText(page.locator(".title-status"), "Processed");
  assert.equal(lost, 1);
  assert.equal((await mill.json("/v1/stats")).accepted, 1);
});

test("texts of an order are shown as they are, never as markup", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  const evil = `<img src=x onerror="document.title='taken over'"><b>&amp;`;
  const { id } = await mill.place({ user_id: "<script>alert(1)</script>", external_id: evil, metadata: { note: evil }, lines: [{ product_name: evil, sku: evil, quantity: 1, unit_price: 1 }] });
  for (const view of ["#/", "#/orders", `#/orders/${id}`]) {
    await page.goto(`${mill.url}/${view}`);
    await page.getByText(evil).first().waitFor();
    assert.equal(await page.locator("main img, main b, main script").count(), 0, view);
  }
  assert.match(await page.title(), /ordermill$/);
});

test("amounts are shown with the server's digits, up to the largest there is", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  for (const [amount, currency, shown] of [
    ["90071992547409.91", "USD", "90,071,992,547,409.91 USD"],
    ["9007199254740991", "JPY", "9,007,199,254,740,991 JPY"],
    ["10.00", "USD", "10.00 USD"],
    ["0.1", "KWD", "0.100 KWD"],
  ]) {
    const { id } = await mill.post("/v1/orders", { user_id: "rich", amount, currency });
    await page.goto(`${mill.url}/#/orders/${id}`);
    await expectText(page.locator(".sum-alone"), shown);
  }
  await page.goto(`${mill.url}/#/orders`);
  await page.getByText("90,071,992,547,409.91").waitFor();
});

test("an order is held, released and cancelled, and one that has moved on is refused", async (t) => {
  // Nobody works: the order waits.
  const mill = await server(t, { settings: { "worker.enabled": "false" } });
  const page = await browserPage(t, mill);
  const { id } = await mill.place();
  await page.goto(`${mill.url}/#/orders/${id}`);
  await isLive(page);
  await page.getByRole("button", { name: "Hold" }).click();
  await expectText(page.locator(".title-status"), "On hold");
  await page.getByText("Waits until somebody releases it.").waitFor();
  await page.getByRole("button", { name: "Release" }).click();
  await expectText(page.locator(".title-status"), "Pending");
  // Behind the page's back, and before it hears of it: the version that it saw is gone.
  page.mayFail = true;
  await page.route(`**/v1/orders/${id}/cancel`, async (route) => {
    await mill.post(`/v1/orders/${id}/hold`);
    await mill.post(`/v1/orders/${id}/release`);
    await route.continue();
  });
  await page.getByRole("button", { name: "Cancel order" }).click();
  await page.locator("dialog").getByRole("button", { name: "Cancel order" }).click();
  await page.locator("dialog").getByText("The order has changed since you looked at it").waitFor();
  await shot(page, "order-changed-meanwhile");
  assert.equal((await mill.json(`/v1/orders/${id}`)).status, "PENDING");
  await page.unroute(`**/v1/orders/${id}/cancel`);
  await page.locator("dialog").getByRole("button", { name: "Close" }).click();
  await until("the page to know the new version", async () => (await page.locator(".happened").count()) === 5);
  await page.getByRole("button", { name: "Cancel order" }).click();
  await page.locator("dialog").getByRole("button", { name: "Cancel order" }).click();
  await expectText(page.locator(".title-status"), "Cancelled");
  assert.equal((await mill.json(`/v1/orders/${id}`)).status, "CANCELLED");
});
