// Every view in light, dark and on a phone: looked over by axe, wide enough for no sideways scrolling, and kept as pictures.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, isLive, repository, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const axe = readFileSync(join(repository, "dashboard/node_modules/axe-core/axe.min.js"), "utf8");

const LOOKS = [
  { name: "light", theme: "light" },
  { name: "dark", theme: "dark" },
  { name: "phone", theme: "light", width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
];

/** One order of each kind of end, in one server for all looks. */
async function furnished(t) {
  const work = await endpoint(t, async (order) => {
    if (order.metadata.fate === "declined") return { status: 422, body: { error: "the card was declined by its bank" } };
    if (order.metadata.fate === "busy") return { status: 503, body: {} };
    return { status: 200, body: { payment: "pay_1", captured: true } };
  });
  const mill = await server(t, work);
  const lines = [
    { sku: "KB-1", product_name: "Mechanical Keyboard", quantity: 2, unit_price: "149.99" },
    { product_name: "Wrist rest", quantity: 1, unit_price: "9.50" },
  ];
  const at = {};
  for (const [number, fate] of [[1001, "fine"], [1002, "declined"], [1003, "busy"], [1004, "fine"], [1005, "declined"], [1006, "fine"]]) {
    at[fate] = (await mill.post("/v1/orders", { user_id: "alice", external_id: `SO-${number}`, source: "web", lines, metadata: { fate } })).id;
  }
  await mill.becomes(at.fine, "PROCESSED");
  await mill.becomes(at.declined, "FAILED");
  await mill.becomes(at.busy, "RETRYING");
  return { mill, at };
}

/** What reaches past the right edge, where nobody sees it; a text that scrolls by itself may. */
function cutOff() {
  const found = [...document.querySelectorAll("body *")].filter((element) => {
    if (element.closest("pre, .unseen, .skip")) return false;
    const { right, width } = element.getBoundingClientRect();
    return width > 0 && right > document.documentElement.clientWidth + 1;
  });
  return found.map((element) => element.outerHTML.slice(0, 120));
}

for (const { name, ...look } of LOOKS) {
  test(`every view can be read and used: ${name}`, async (t) => {
    const { mill, at } = await furnished(t);
    const page = await browserPage(t, mill, look);
    for (const [view, where, mark] of [
      ["overview", "#/", "tr[data-order]"],
      ["orders", "#/orders", "tr[data-order]"],
      ["order", `#/orders/${at.fine}`, ".receipt"],
      ["order-retrying", `#/orders/${at.busy}`, ".happened-why"],
      ["dead-letters", "#/dead-letters", ".toolbar"],
      ["place", "#/place", "form.place"],
    ]) {
      await page.goto(`${mill.url}/${where}`);
      await isLive(page);
      await page.locator(mark).first().waitFor();
      if (view === "overview") await until("the plots", () => page.evaluate(() => document.querySelectorAll(".plot canvas").length === 2));
      assert.deepEqual(await page.evaluate(cutOff), [], `${view} is too wide`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
      assert.deepEqual(found, [], view);
      await shot(page, `${view}-${name}`);
    }
  });
}

test("the theme is chosen, kept, and never flashes through the other one", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill, { theme: "light" });
  await page.goto(`${mill.url}/`);
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.getByRole("button", { name: "Theme: as the system is" }).click();
  assert.equal(await paper(), light);
  await page.getByRole("button", { name: "Theme: light" }).click();
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  // Known before the page's modules have run.
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.equal(await paper(), dark);
  await page.getByRole("button", { name: "Theme: dark" }).click();
  assert.equal(await paper(), light);
});
