// Pages of other sites, in a real browser: they can send requests to a server on this machine, but neither read nor change
// anything there. What they try from their own origin works from the server's, so that each attempt is a good one.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { browserPage, closeBrowser, expectText, freePort, isLive, server, site } from "./harness.mjs";

after(closeBrowser);

/** Nothing works an order off, so that it can be cancelled all the time. */
const waiting = { "worker.enabled": "false", "dialects.orderflow": "true" };
const EMPTY = "<!doctype html><title>A site</title><link rel=icon href=data:,>";
const ORDER = '{"user_id":"mallory","amount":1}';
const API_ORDER = '{"user_id":"mallory","product_name":"Mug","quantity":1,"price":5}';

/** A page of `origin` in the browser. Whatever it complains of is part of the test. */
async function visit(t, mill, origin) {
  const page = await browserPage(t, mill, { also: [origin, `http://127.0.0.1:${mill.webSocketPort}`], mayComplain: /./ });
  page.mayFail = true;
  await page.goto(`${origin}/livez`);
  return page;
}

/** Reads as a script does; the status, or the name of the error. */
const read = (page, url) => page.evaluate((url) => fetch(url).then((answer) => answer.status, (error) => error.name), url);

/** What an EventSource gets first. */
const listen = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const source = new EventSource(url);
        source.onopen = () => resolve("open");
        source.onerror = () => resolve("error");
      }),
    url,
  );

/** Sends a body of a type; the status, `opaque` where the browser hides it, or the name of the error. */
const send = (page, url, body, type, mode) =>
  page.evaluate(
    ([url, body, type, mode]) =>
      fetch(url, { method: "POST", body, mode, headers: { "content-type": type } }).then(
        (answer) => (answer.type === "opaque" ? "opaque" : answer.status),
        (error) => error.name,
      ),
    [url, body, type, mode],
  );

/** Submits a form into a frame, as pages did before there were scripts, and waits until the frame has its answer. */
const submit = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.name = "answer";
        document.body.append(frame);
        const form = document.createElement("form");
        Object.assign(form, { method: "POST", action: url, target: "answer", enctype: "text/plain" });
        document.body.append(form);
        frame.onload = () => resolve(undefined);
        form.submit();
      }),
    url,
  );

/** Opens a WebSocket and asks for everything; its first frame, or that it was closed. */
const watch = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => socket.send('{"subscribe":{"all":true}}');
        socket.onmessage = ({ data }) => resolve(Object.keys(JSON.parse(data))[0]);
        socket.onclose = () => resolve("closed");
      }),
    url,
  );

const sockets = (mill) => [`ws://127.0.0.1:${mill.port}/ws`, `ws://127.0.0.1:${mill.webSocketPort}/ws`];

/** A server with an order that can be cancelled. */
async function attacked(t, settings = {}) {
  const mill = await server(t, { settings: { ...waiting, ...settings }, webSocketPort: await freePort() });
  const { id } = await mill.place();
  return { mill, id, cancel: `${mill.url}/v1/orders/${id}/cancel` };
}

/** That nothing has happened to the order, and that it is alone. */
async function isUntouched(mill, id) {
  const { status, version } = await mill.json(`/v1/orders/${id}`);
  assert.deepEqual([status, version], ["PENDING", 1]);
  assert.equal((await mill.json("/v1/stats")).accepted, 1);
}

test("what a foreign page tries below works from the server's own origin", async (t) => {
  const { mill, cancel } = await attacked(t);
  const page = await visit(t, mill, mill.url);
  assert.equal(await read(page, `${mill.url}/v1/orders`), 200);
  assert.equal(await listen(page, `${mill.url}/v1/stream`), "open");
  assert.equal(await watch(page, sockets(mill)[0]), "subscribed");
  assert.equal(await send(page, `${mill.url}/api/orders`, API_ORDER, "text/plain"), 201);
  assert.equal(await send(page, `${mill.url}/orders`, ORDER, "text/plain", "no-cors"), 201);
  assert.equal(await send(page, cancel, "", "text/plain", "no-cors"), 200);
});

test("a foreign page reads no order", async (t) => {
  const { mill, id } = await attacked(t);
  const page = await visit(t, mill, await site(t, EMPTY, "evil.example"));
  for (const path of ["/v1/orders", `/v1/orders/${id}`, "/v1/stats", "/api/orders", `/orders/${id}`, "/health", "/"]) {
    assert.equal(await read(page, mill.url + path), "TypeError", path);
  }
  assert.equal(await listen(page, `${mill.url}/v1/stream`), "error");
});

test("a foreign page neither cancels nor places an order, however it sends it", async (t) => {
  const { mill, id, cancel } = await attacked(t);
  const page = await visit(t, mill, await site(t, EMPTY, "evil.example"));
  for (const [url, body] of [[cancel, "{}"], [cancel, ""], [`${mill.url}/v1/orders`, ORDER], [`${mill.url}/orders`, ORDER], [`${mill.url}/api/orders`, API_ORDER]]) {
    for (const type of ["text/plain", "application/json"]) {
      assert.equal(await send(page, url, body, type), "TypeError", `${url} ${type}`);
    }
    // The request is sent, and its answer hidden.
    assert.equal(await send(page, url, body, "text/plain", "no-cors"), "opaque", url);
    await page.evaluate(([url, body]) => navigator.sendBeacon(url, body), [url, body]);
  }
  await submit(page, cancel);
  await isUntouched(mill, id);
});

test("neither does a sandboxed frame, which has no origin", async (t) => {
  const { mill, id, cancel } = await attacked(t);
  const origin = await site(t, EMPTY, "evil.example");
  const page = await visit(t, mill, origin);
  await page.setContent(`<iframe sandbox="allow-scripts" src="${origin}/frame"></iframe>`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForLoadState();
  assert.equal(await frame.evaluate(() => globalThis.origin), "null");
  assert.equal(await read(frame, `${mill.url}/v1/orders`), "TypeError");
  assert.equal(await send(frame, cancel, "", "text/plain", "no-cors"), "opaque");
  for (const url of sockets(mill)) assert.equal(await watch(frame, url), "closed", url);
  await isUntouched(mill, id);
});

test("a foreign page opens no WebSocket on either port, a page of this machine on the separate one", async (t) => {
  const { mill } = await attacked(t);
  const [main, separate] = sockets(mill);
  const foreign = await visit(t, mill, await site(t, EMPTY, "evil.example"));
  assert.equal(await watch(foreign, main), "closed");
  assert.equal(await watch(foreign, separate), "closed");
  const neighbour = await visit(t, mill, await site(t, EMPTY));
  assert.equal(await watch(neighbour, main), "closed");
  assert.equal(await watch(neighbour, separate), "subscribed");
});

test("a page whose origin is listed places, reads and cancels orders with JSON", async (t) => {
  const shop = await site(t, EMPTY, "shop.example");
  const { mill, cancel } = await attacked(t, { "http.cors_origins": shop });
  const page = await visit(t, mill, shop);
  assert.equal(await send(page, `${mill.url}/v1/orders`, ORDER, "application/json"), 201);
  assert.equal(await read(page, `${mill.url}/v1/orders`), 200);
  assert.equal(await send(page, cancel, "{}", "application/json"), 200);
  for (const url of sockets(mill)) assert.equal(await watch(page, url), "subscribed", url);
});

test("the dashboard works under an allowed name, and no page can point a name of its own here", async (t) => {
  const mill = await server(t, { settings: { "http.allowed_hosts": "mill.example" } });
  const named = `http://mill.example:${mill.port}`;
  // A name without TLS is no secure context, where Chromium does without one of the headers.
  const page = await browserPage(t, mill, { also: [named], mayComplain: /Cross-Origin-Opener-Policy header has been ignored/ });
  await page.goto(`${named}/`);
  await isLive(page);
  await mill.place();
  await expectText(page.locator("[data-count=PROCESSED]"), "1");
  const rebound = await browserPage(t, mill, { also: [`http://evil.example:${mill.port}`] });
  rebound.mayFail = true;
  const answer = await rebound.goto(`http://evil.example:${mill.port}/v1/orders`);
  assert.equal(answer.status(), 421);
});
