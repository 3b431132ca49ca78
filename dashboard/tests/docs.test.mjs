// The page at /docs: it lists every operation of the document, and asks nobody but its server.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, server, shot } from "./harness.mjs";

after(closeBrowser);

test("the page lists every operation, and one can be tried on it", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/docs`);
  await page.locator(".opblock").first().waitFor();
  const document = await mill.json("/openapi.json");
  const items = [...Object.values(document.paths), ...Object.values(document.webhooks)];
  const operations = items.flatMap((item) => Object.keys(item));
  assert.ok(operations.length > 30);
  assert.equal(await page.locator(".opblock").count(), operations.length);
  await shot(page, "docs");

  await page.locator("#operations-Standing-getStats").getByRole("button").first().click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Execute" }).click();
  const answer = page.locator(".live-responses-table .response-col_status");
  await answer.first().waitFor();
  assert.match(await answer.last().textContent(), /200/);
  await shot(page, "docs-tried");
});
