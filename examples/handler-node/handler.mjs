// An endpoint for ordermill's handler "http", with Node alone (18 or newer).
//
// It verifies the signature of each call, does the work of each order once however often the order comes, and answers a
// repeated call as it answered the first one. The work here is to give the order a shipment number; replace `work` by yours.
//
//     export HANDLER_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
//     node examples/handler-node/handler.mjs
//     ordermill serve --set handler.kind=http --set handler.url=http://127.0.0.1:9000/orders \
//         --set handler.secret=$HANDLER_SECRET
//
// Environment: HANDLER_SECRET (required; several, separated by spaces, during a rotation), HANDLER_FILE (what was done, one
// line of JSON an order, handler.ndjson by default), PORT (9000 by default; 0 picks a free one). One process at a time. What
// ordermill sends, and what each answer means to it, is in docs/HANDLER.md.

import { createHmac, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:http";

const SECRETS = (process.env.HANDLER_SECRET ?? "").split(/\s+/).filter(Boolean);
const FILE = process.env.HANDLER_FILE ?? "handler.ndjson";
const PORT = Number(process.env.PORT ?? 9000);

// An older call may be a recorded one that is sent again.
const TOLERANCE_SECONDS = 300;
// An order of ordermill is never larger.
const MAX_BODY_BYTES = 2 * 1024 * 1024;

// docs/HANDLER.md shows this function.
/** Whether one of `secrets` signed this body, less than five minutes from `now` (in seconds). */
function isAuthentic(headers, body, secrets, now) {
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const given = (headers["webhook-signature"] ?? "").split(" ").filter((part) => part.startsWith("v1,"));
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const signed = createHmac("sha256", key).update(`${headers["webhook-id"]}.${timestamp}.`).update(body).digest();
    return given.some((part) => {
      const signature = Buffer.from(part.slice(3), "base64");
      // timingSafeEqual takes the same time wherever the bytes differ.
      return signature.length === signed.length && timingSafeEqual(signature, signed);
    });
  });
}

/** The answers so far by key, and the keys at work now. */
const answers = new Map();
const working = new Set();
let shipments = 0;

/** The work itself: its effect is in the record that `process` makes durable. */
async function work(order) {
  const missing = order.lines.find((line) => line.sku === "OUT-OF-STOCK");
  if (missing) return { status: 422, body: { message: `${missing.product_name} is out of stock` } };
  shipments += 1;
  return { status: 200, body: { shipment: `S-${shipments}` } };
}

/** The answer: that of the first call with this key, or a new one. */
async function answerOf(key, order, log) {
  const known = answers.get(key);
  if (known) return known;
  // ordermill sends the order again later, and counts nothing against this endpoint.
  if (working.has(key)) return { status: 409, body: { message: "the order is still being processed" } };
  working.add(key);
  try {
    const answer = await work(order);
    await keep({ key, ...answer }, log);
    answers.set(key, answer);
    return answer;
  } finally {
    working.delete(key);
  }
}

/** Makes a record durable before it is answered: a crash from then on changes nothing. */
async function keep(record, log) {
  try {
    await log.appendFile(`${JSON.stringify(record)}\n`);
    await log.datasync();
  } catch (error) {
    console.error(error);
    process.exit(1); // What reached the disk is unknown: the next start reads it.
  }
}

/** Reads what was done before. A crash may have left a part of the last line: that order was not answered. */
function restore() {
  const text = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) truncateSync(FILE, Buffer.byteLength(whole));
  for (const line of whole.split("\n").filter(Boolean)) {
    const { key, status, body } = JSON.parse(line);
    answers.set(key, { status, body });
    if (body.shipment) shipments = Math.max(shipments, Number(body.shipment.slice(2)));
  }
}

/** The body's bytes; null if there are too many. */
async function read(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function answerTo(request, log) {
  if (request.method !== "POST" || request.url !== "/orders") {
    return { status: 404, body: { message: "orders are POSTed to /orders" } };
  }
  const body = await read(request);
  if (body === null) return { status: 413, body: { message: `the body is larger than ${MAX_BODY_BYTES} bytes` } };
  // The bytes as they came: JSON that is written again may differ.
  if (!isAuthentic(request.headers, body, SECRETS, Date.now() / 1000)) {
    return { status: 401, body: { message: "the signature is wrong, or the call is older than five minutes" } };
  }
  // The order's id. Idempotency-Key is the same, but the signature covers this one.
  return answerOf(request.headers["webhook-id"], JSON.parse(body), log);
}

if (SECRETS.length === 0) {
  console.error("HANDLER_SECRET is not set: anyone could place orders here");
  process.exit(1);
}
restore();
const log = await open(FILE, "a");

const server = createServer(async (request, response) => {
  let answer;
  try {
    answer = await answerTo(request, log);
  } catch (error) {
    console.error(error);
    answer = { status: 500, body: { message: "the order was not processed" } };
  }
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(JSON.stringify(answer.body));
});
server.listen(PORT, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}/orders`));
