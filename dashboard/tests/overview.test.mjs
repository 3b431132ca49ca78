// How everything stands: numbers, what needs attention, rates and the queue.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, endpoint, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

const count = (page, status) => page.locator(`[data-count=${status}]`);

test("orders are counted by status, and what waits for a person is said", async (t) => {
  const work = await endpoint(t, async (order) => ({ status: order.user_id === "bob" ? 422 : 200 }));
  const mill = await server(t, work);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  await page.getByText("No orders yet").waitFor();
  assert.equal(await page.locator(".attention").count(), 0);
  await shot(page, "overview-empty");
  const { id } = await mill.place();
  await mill.becomes(id, "PROCESSED");
  await mill.becomes((await mill.place({ user_id: "bob" })).id, "FAILED");
  await expectText(count(page, "PROCESSED"), "1");
  await expectText(count(page, "FAILED"), "1");
  await expectText(page.locator(".attention"), "1 order failed for good and waits to be replayed or discarded.");
  await page.locator(".legend-item", { hasText: "accepted" }).locator("strong").filter({ hasNotText: /^0$/ }).waitFor();
  await count(page, "PROCESSED").click();
  await expectText(page.locator("h1"), "Orders");
  assert.equal(await page.getByLabel("Status").inputValue(), "PROCESSED");
});

test("orders that are held, and a queue that grows, are seen", async (t) => {
  const mill = await server(t, { settings: { "worker.enabled": "false" } });
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  const { results } = await mill.placeMany(Array.from({ length: 30 }, () => ({ user_id: "alice", amount: 1 })));
  await mill.post(`/v1/orders/${results[0].order.id}/hold`);
  await expectText(count(page, "PENDING"), "29");
  await expectText(page.locator(".legend-item", { hasText: "waiting" }), /^29\s+waiting$/);
  await expectText(page.locator(".attention"), "1 order is on hold until somebody releases it.");
  await page.getByRole("img", { name: "29 orders wait" }).waitFor();
});

test("an endpoint that fails is said as long as the circuit breaker is open, with its next probe", async (t) => {
  let isBroken = true;
  const work = await endpoint(t, async () => ({ status: isBroken ? 500 : 200 }));
  const mill = await server(t, { settings: { ...work.settings, "worker.breaker_faults": "3", "worker.breaker_open": "8s", "worker.backoff_first": "100ms", "worker.backoff_last": "1s" } });
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  await expectText(page.locator(".health"), /Circuit breaker closed/);
  await mill.placeMany(Array.from({ length: 5 }, () => ({ user_id: "alice", amount: 1 })));
  await expectText(page.locator("[data-reason=breaker_open]"), /the circuit breaker is open.* Next probe in [\d.]+ m?s\.$/);
  await expectText(page.locator(".health"), /Degraded\s+Store reachable\s+Circuit breaker open/);
  await shot(page, "overview-breaker-open");
  isBroken = false;
  await expectText(count(page, "PROCESSED"), "5");
  await until("all to be well", async () => (await page.locator(".attention").count()) === 0);
  await expectText(page.locator(".health"), /^Version [\d.]+\s+Store reachable\s+Circuit breaker closed$/);
});

test("orders that wait too long are said with the age of the oldest", async (t) => {
  const mill = await server(t, { settings: { "worker.enabled": "false", "health.late_after": "1s" } });
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  assert.ok(!(await page.locator(".health").innerText()).includes("Oldest due order"));
  await mill.place();
  await expectText(page.locator(".health"), /Oldest due order [\d.]+ m?s$/);
  await expectText(page.locator("[data-reason=work_is_late]"), /has been due for \d+ s and is not processed/);
  await shot(page, "overview-late");
});

test("a server that calls nobody says so, and needs no attention for that", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await isLive(page);
  await expectText(page.getByRole("note"), /^Orders count as processed without calling anybody; set handler\.kind/);
  assert.equal(await page.locator(".attention").count(), 0);
  await shot(page, "overview-calls-nobody");
});

test("a server that calls an endpoint has no such note", async (t) => {
  const work = await endpoint(t, async () => ({ status: 200 }));
  const mill = await server(t, work);
  const page = await browserPage(t, mill);
  await page.goto(`${mill.url}/`);
  await expectText(page.locator(".health"), /Circuit breaker closed/);
  assert.equal(await page.getByRole("note").count(), 0);
});
