// @ts-check
// Orders as a table, newest first; on a narrow screen what has no column of its own moves under the order's name. Rows are
// links. Where `selected` is given, each row can be ticked.

import { html } from "../html.js";
import { address } from "../frame/route.js";
import { Amount, Time, contents } from "./facts.js";
import { StatusMark } from "./status.js";

/** @typedef {import("../vendor/signals.mjs").Signal<Set<string>>} Selection */

/**
 * @param {{ orders: Order[], caption: string, withReason?: boolean, selected?: Selection }} props
 */
export function OrderTable({ orders, caption, withReason = false, selected }) {
  return html`<table class="table orders">
    <caption class="unseen">${caption}</caption>
    <thead>
      <tr>
        ${selected && html`<th class="cell-tick"><${TickAll} orders=${orders} selected=${selected} /></th>`}
        ${!withReason && html`<th scope="col" class="cell-status wide">Status</th>`}
        <th scope="col">Order</th>
        ${withReason && html`<th scope="col" class="wide">Reason</th>`}
        <th scope="col" class="wide">User</th>
        ${!withReason && html`<th scope="col" class="wide">Source</th>`}
        <th scope="col" class="number">Amount</th>
        <th scope="col" class="number wide">Created</th>
      </tr>
    </thead>
    <tbody>
      ${orders.map((order) => html`<${Row} key=${order.id} order=${order} withReason=${withReason} selected=${selected} />`)}
    </tbody>
  </table>`;
}

/** @param {{ order: Order, withReason: boolean, selected?: Selection }} props */
function Row({ order, withReason, selected }) {
  const isTicked = selected?.value.has(order.id) ?? false;
  const tick = () => {
    if (!selected) return;
    const next = new Set(selected.value);
    if (!next.delete(order.id)) next.add(order.id);
    selected.value = next;
  };
  const name = order.external_id ?? order.id.slice(-12);
  return html`<tr class="row ${isTicked ? "row-ticked" : ""}" data-order=${order.id}>
    ${selected &&
    html`<td class="cell-tick">
      <input type="checkbox" aria-label=${`Select order ${name}`} checked=${isTicked} onChange=${tick} />
    </td>`}
    ${!withReason && html`<td class="cell-status wide"><${StatusMark} status=${order.status} /></td>`}
    <td><div class="named ${withReason ? "named-stacked" : ""}">
      ${!withReason && html`<span class="narrow named-status"><${StatusMark} status=${order.status} /></span>`}
      <a class="row-link" href=${address(["orders", order.id])}>${order.external_id ?? html`<span class="id">…${name}</span>`}</a>
      <span class="contents">${contents(order)}</span>
      <span class="narrow faint">${withReason ? order.failure?.code : `${order.user_id} · ${order.source}`} · <${Time} at=${order.created_at} /></span>
    </div></td>
    ${withReason &&
    html`<td class="wide cell-reason"><code>${order.failure?.code}</code><span class="contents">${order.failure?.message}</span></td>`}
    <td class="wide cell-user">${order.user_id}</td>
    ${!withReason && html`<td class="wide faint">${order.source}</td>`}
    <td class="number"><${Amount} amount=${order.amount} currency=${order.currency} /></td>
    <td class="number wide faint"><${Time} at=${order.created_at} /></td>
  </tr>`;
}

/** @param {{ orders: Order[], selected: Selection }} props */
function TickAll({ orders, selected }) {
  const ticked = orders.filter((order) => selected.value.has(order.id)).length;
  const isAll = ticked > 0 && ticked === orders.length;
  const tick = () => (selected.value = new Set(isAll ? [] : orders.map((order) => order.id)));
  return html`<input
    type="checkbox"
    aria-label="Select all orders of this page"
    checked=${isAll}
    indeterminate=${ticked > 0 && !isAll}
    onChange=${tick}
  />`;
}
