// A connection that breaks: said while it lasts, mended without a reload, and no change missed.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, expectText, isLive, server, shot, until } from "./harness.mjs";

after(closeBrowser);

/**
 * Writes down every change that reaches the page's own listener, over all of its sockets. What a socket still receives after
 * the page has let go of it does not count: it comes again.
 */
async function noteChanges(page) {
  await page.addInitScript(() => {
    globalThis.__changes = [];
    const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
    Object.defineProperty(WebSocket.prototype, "onmessage", {
      get,
      set(listener) {
        const noting = (message) => {
          const frame = JSON.parse(message.data);
          if (frame.order_id) globalThis.__changes.push(`${frame.order_id}:${frame.version}`);
          listener(message);
        };
        set.call(this, listener && noting);
      },
    });
  });
  return () => page.evaluate(() => globalThis.__changes);
}

/** Every event that the store knows. */
async function eventsOf(mill, ids) {
  const events = [];
  for (const id of ids) events.push(...(await mill.json(`/v1/orders/${id}/events`)).data.map(({ event_id }) => event_id));
  return events;
}

test("after a restart of the server the page goes on by itself and has missed nothing", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  const changes = await noteChanges(page);
  const loads = [];
  await page.goto(`${mill.url}/#/orders`);
  await isLive(page);
  page.on("load", () => loads.push(page.url()));
  const ids = [];
  const place = async (count) => {
    for (let made = 0; made < count; made += 1) ids.push((await mill.place({ external_id: `A-${ids.length + 1}` })).id);
  };
  await place(3);
  await mill.becomes(ids[2], "PROCESSED");
  await until("the page to hear of the first orders", async () => (await changes()).length >= 9);
  await until("the list to show them", async () => (await page.locator("main tr[data-order]").count()) === 3);
  // The page is cut off first, so that what happens before the end of the server is missed, too.
  const cut = await page.context().newCDPSession(page);
  await cut.send("Network.enable");
  await cut.send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await place(2);
  await mill.becomes(ids[4], "PROCESSED");
  await mill.kill();
  await page.getByText("Connection lost.").waitFor();
  await expectText(page.locator(".connection"), "Offline");
  // What was there stays there.
  assert.equal(await page.locator("main tr[data-order]").count(), 3);
  await shot(page, "connection-lost");
  await mill.start();
  await place(3);
  await cut.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await isLive(page);
  await page.getByText("Connected again.").waitFor();
  await shot(page, "connection-back");
  await place(1);
  for (const id of ids) await mill.becomes(id, "PROCESSED");
  await until("the list to show all orders done", async () => {
    const shown = await page.locator("main tr[data-order]").evaluateAll((rows) => rows.map((row) => [row.dataset.order, row.querySelector(".cell-status").innerText]));
    return JSON.stringify(shown) === JSON.stringify([...ids].reverse().map((id) => [id, "Processed"]));
  });
  const events = await eventsOf(mill, ids);
  await until("the page to hear of every event", async () => (await changes()).length >= events.length);
  // All of them, each once, and each order's in their order.
  const heard = await changes();
  assert.deepEqual([...heard].sort(), [...events].sort());
  for (const id of ids) {
    const versions = heard.filter((change) => change.startsWith(id)).map((change) => Number(change.split(":")[1]));
    assert.deepEqual(versions, [...versions].sort((one, other) => one - other));
  }
  assert.deepEqual(loads, []);
  assert.equal(await page.getByText("Connection lost.").count(), 0);
});

test("a connection that is dead without a word is noticed", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  await page.goto(`${mill.url}/#/`);
  await isLive(page);
  // The process stands still: sockets stay open, nothing answers.
  mill.process.kill("SIGSTOP");
  try {
    await page.getByText("Connection lost.").waitFor();
  } finally {
    mill.process.kill("SIGCONT");
  }
  await isLive(page);
  await mill.place();
  await expectText(page.locator("[data-count=PROCESSED]"), "1");
});

test("a cursor of another store makes the page read everything anew", async (t) => {
  const mill = await server(t);
  const page = await browserPage(t, mill);
  page.mayFail = true;
  await mill.placeMany(Array.from({ length: 20 }, () => ({ user_id: "alice", amount: 1 })));
  await page.goto(`${mill.url}/#/orders`);
  await until("the list", async () => (await page.locator("main tr[data-order]").count()) === 20);
  await isLive(page);
  await mill.kill();
  // The store is lost, an older one took its place: the cursor lies past all that it has.
  const old = mill.folder;
  mill.folder = `${old}/restored`;
  await mill.start();
  const { id } = await mill.place();
  mill.folder = old;
  await until("the list to be the new store's", async () => {
    const shown = await page.locator("main tr[data-order]").evaluateAll((rows) => rows.map((row) => row.dataset.order));
    return shown.length === 1 && shown[0] === id;
  });
  await expectText(page.locator("main .cell-status").last(), "Processed");
});
