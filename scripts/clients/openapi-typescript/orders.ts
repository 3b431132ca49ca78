// Places, reads, lists and cancels an order with the types that openapi-typescript generates, by openapi-fetch. Called by
// ../run once tsc has checked it: orders.js URL. Ends with an AssertionError if an answer is not what the server has to
// answer.
import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type OrderRequest = components["schemas"]["OrderRequest"];

const USER = "of-openapi-typescript";
const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
const request: OrderRequest = {
  user_id: USER,
  external_id: "A-1",
  lines: [{ product_name: "Mechanical Keyboard", quantity: 2, unit_price: 149.99 }],
  adjustments: [{ kind: "shipping", amount: 6 }],
  metadata: { note: "generated" },
  // So that it is not processed before it is cancelled.
  process_after: tomorrow,
};

// The types refuse what the server would refuse.
// @ts-expect-error: user_id is required.
export const withoutUser: OrderRequest = { amount: 9.99 };
// @ts-expect-error: an order has no such field.
export const withMore: OrderRequest = { user_id: USER, amount: 9.99, colour: "red" };
// @ts-expect-error: there is no such kind.
export const ofNoKind: OrderRequest = { user_id: USER, adjustments: [{ kind: "gift", amount: 6 }] };

const url = process.argv[2];
assert(url);
const client = createClient<paths>({ baseUrl: url });
const withKey = (key: string) => ({ header: { "Idempotency-Key": key } });

const placed = await client.POST("/v1/orders", { params: withKey("k-1"), body: request });
assert.equal(placed.response.status, 201);
const order = placed.data;
assert(order);
assert.equal(order.amount, 305.98);
assert.equal(order.status, "PENDING");
assert.equal(order.lines[0]?.total, 299.98);
assert.deepEqual(order.metadata, { note: "generated" });
assert.equal(order.waiting_for?.what, "process_after");

const empty = await client.POST("/v1/orders", { params: withKey("k-2"), body: { user_id: USER } });
assert(empty.error);
assert.deepEqual([empty.error.status, empty.error.code], [422, "validation_failed"]);

const id = { path: { id: order.id } };
const read = await client.GET("/v1/orders/{id}", { params: id });
assert.deepEqual(read.data, order);

const page = await client.GET("/v1/orders", { params: { query: { user_id: USER, status: "PENDING" } } });
assert(page.data);
assert.deepEqual(page.data.data.map((listed) => listed.id), [order.id]);
assert.equal(page.data.has_more, false);

const cancelled = await client.POST("/v1/orders/{id}/cancel", { params: id, body: { reason: "tried" } });
assert(cancelled.data);
assert.deepEqual(
  [cancelled.data.id, cancelled.data.status, cancelled.data.amount],
  [order.id, "CANCELLED", 305.98],
);

const refused = await client.POST("/v1/orders/{id}/cancel", { params: id, body: {} });
assert(refused.error);
assert.equal(refused.error.code, "illegal_transition");
