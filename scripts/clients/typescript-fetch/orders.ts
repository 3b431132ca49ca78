// Places, reads, lists and cancels an order with the client that openapi-generator generates for fetch. Called by ../run
// once tsc has checked it: orders.js URL. Ends with an AssertionError if an answer is not what the server has to answer.
import assert from "node:assert/strict";

import { Configuration, OrdersApi, OrderStatus, ProblemFromJSON, ResponseError } from "./generated";
import type { OrderRequest, Problem } from "./generated";

const USER = "of-typescript-fetch";
const orderRequest: OrderRequest = {
  userId: USER,
  externalId: "A-1",
  lines: [{ productName: "Mechanical Keyboard", quantity: 2, unitPrice: 149.99 }],
  adjustments: [{ kind: "shipping", amount: 6 }],
  metadata: { note: "generated" },
  // So that it is not processed before it is cancelled.
  processAfter: new Date(Date.now() + 86_400_000),
};

// @ts-expect-error: userId is required.
export const withoutUser: OrderRequest = { amount: 9.99 };

async function refusal(call: Promise<unknown>): Promise<Problem> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (error: unknown) => error,
  );
  assert(error instanceof ResponseError, String(error));
  return ProblemFromJSON(await error.response.json());
}

async function main(url: string): Promise<void> {
  const orders = new OrdersApi(new Configuration({ basePath: url }));

  const answer = await orders.placeOrderRaw({ orderRequest, idempotencyKey: "k-1" });
  assert.equal(answer.raw.status, 201);
  const order = await answer.value();
  assert.equal(order.amount, 305.98);
  assert.equal(order.status, OrderStatus.Pending);
  assert.equal(order.lines[0]?.total, 299.98);
  assert.deepEqual(order.metadata, { note: "generated" });
  assert.equal(order.waitingFor?.what, "process_after");
  assert(order.createdAt instanceof Date);

  const empty = await refusal(orders.placeOrder({ orderRequest: { userId: USER }, idempotencyKey: "k-2" }));
  assert.deepEqual([empty.status, empty.code], [422, "validation_failed"]);

  assert.deepEqual(await orders.getOrder({ id: order.id }), order);

  const page = await orders.listOrders({ userId: USER, status: OrderStatus.Pending });
  assert.deepEqual(page.data.map((listed) => listed.id), [order.id]);
  assert.equal(page.hasMore, false);

  const cancelled = await orders.cancelOrder({ id: order.id, commandRequest: { reason: "tried" } });
  assert.deepEqual(
    [cancelled.id, cancelled.status, cancelled.amount],
    [order.id, OrderStatus.Cancelled, 305.98],
  );

  const refused = await refusal(orders.cancelOrder({ id: order.id }));
  assert.equal(refused.code, "illegal_transition");
}

const url = process.argv[2];
assert(url);
main(url).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
