// @ts-check
// One order, live: what was ordered, what happened to it and when, its receipt, and what a person can do about it.

import { batch, html, signal, useEffect, useMemo } from "../html.js";
import { ask } from "../frame/dialog.js";
import { notify } from "../frame/notices.js";
import { address } from "../frame/route.js";
import { Title } from "../frame/title.js";
import { Amount, Copyable, Time } from "../parts/facts.js";
import { Icon } from "../parts/icons.js";
import { StatusMark, isFinal } from "../parts/status.js";
import { Timeline } from "../parts/timeline.js";
import { Trouble } from "../parts/trouble.js";
import { epoch, onChanges } from "../server/changes.js";
import { Refused, read, readText, send } from "../server/requests.js";
import { grouped } from "../text/money.js";

const PAGE_EVENTS = 1_000;
/** A poison order that was replayed for days: its first events are enough to see why. */
const MOST_PAGES = 5;

/** What is known of one order, kept up with its changes. */
class Watched {
  order = signal(/** @type {Order | null} */ (null));
  events = signal(/** @type {OrderEvent[]} */ ([]));
  /** There are more events than are shown. */
  isCut = signal(false);
  receipt = signal(/** @type {string | null} */ (null));
  refused = signal(/** @type {Refused | null} */ (null));
  #isReading = false;
  #isStale = false;
  #stops;

  /** @param {string} id */
  constructor(id) {
    this.path = `/v1/orders/${encodeURIComponent(id)}`;
    this.#stops = [
      onChanges((changes) => {
        if (changes.some((change) => change.order_id === id)) this.read();
      }),
      epoch.subscribe(() => this.read()),
    ];
  }

  dispose() {
    for (const stop of this.#stops) stop();
  }

  async read() {
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    this.#isReading = true;
    do {
      this.#isStale = false;
      try {
        await this.#readOnce();
      } catch (error) {
        this.refused.value = error instanceof Refused ? error : new Refused(String(error));
      }
    } while (this.#isStale);
    this.#isReading = false;
  }

  async #readOnce() {
    const order = await read(this.path);
    /** @type {OrderEvent[]} */
    const events = [];
    let cursor = null;
    let isCut = true;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      /** @type {Page<OrderEvent>} */
      const found = await read(`${this.path}/events`, { limit: PAGE_EVENTS, cursor });
      events.push(...found.data);
      cursor = found.next_cursor;
      isCut = found.has_more;
      if (!isCut) break;
    }
    batch(() => {
      this.order.value = order;
      this.events.value = events;
      this.isCut.value = isCut;
      this.refused.value = null;
    });
    if (order.status === "PROCESSED" && this.receipt.peek() === null) {
      this.receipt.value = await readText(`${this.path}/receipt`);
    }
  }
}

/** @param {{ id: string }} props */
export function OneOrder({ id }) {
  const watched = useMemo(() => new Watched(id), [id]);
  useEffect(() => () => watched.dispose(), [watched]);
  const order = watched.order.value;
  const refused = watched.refused.value;
  if (!order) return html`<${Missing} refused=${refused} again=${() => watched.read()} />`;
  const name = order.external_id ?? `…${order.id.slice(-12)}`;
  return html`
    <a class="back" href="#/orders"><${Icon} name="back" />All orders</a>
    <${Title} text=${`Order ${name}`} aside=${html`<span class="title-status" aria-live="polite"><${StatusMark} status=${order.status} /></span>`}>
      <${Actions} order=${order} watched=${watched} />
    <//>
    ${refused && html`<${Trouble} refused=${refused} again=${() => watched.read()} />`}
    ${order.failure &&
    html`<div class="callout status-${order.status}">
      <p><code>${order.failure.code}</code></p>
      <p>${order.failure.message}</p>
    </div>`}
    <div class="columns">
      <div class="column-main">
        <${Lines} order=${order} />
        <section class="panel" aria-labelledby="timeline-title">
          <h2 id="timeline-title">What happened</h2>
          <${Timeline} events=${watched.events.value} order=${order} isCut=${watched.isCut.value} />
        </section>
      </div>
      <div class="column-side">
        <${Facts} order=${order} />
        <${Receipt} order=${order} text=${watched.receipt.value} />
      </div>
    </div>
  `;
}

/** @param {{ refused: Refused | null, again: () => void }} props */
function Missing({ refused, again }) {
  if (!refused) return html`<${Title} text="Order" /><p class="quiet" aria-busy="true">Reading…</p>`;
  if (!refused.isNotFound && refused.code !== "invalid_id") return html`<${Title} text="Order" /><${Trouble} refused=${refused} again=${again} />`;
  return html`<${Title} text="Order" />
    <div class="empty">
      <h2>There is no order with this id</h2>
      <p>Look it up by its number, a SKU or a product name instead.</p>
      <a class="button" href="#/orders">Search the orders</a>
    </div>`;
}

/** @param {{ order: Order }} props */
function Lines({ order }) {
  if (order.lines.length === 0) {
    return html`<section class="panel"><h2>What was ordered</h2>
      <p class="sum-alone"><${Amount} amount=${order.amount} currency=${order.currency} /></p>
      <p class="faint">An amount alone, without lines.</p>
      ${order.adjustments.length > 0 && html`<table class="table"><tbody>${order.adjustments.map((adjustment) => html`<${AdjustmentRow} adjustment=${adjustment} />`)}</tbody></table>`}
    </section>`;
  }
  return html`<section class="panel panel-table" aria-labelledby="lines-title">
    <h2 id="lines-title">What was ordered</h2>
    <table class="table">
      <thead>
        <tr><th scope="col">Product</th><th scope="col" class="number">Quantity</th><th scope="col" class="number wide">Price</th><th scope="col" class="number">Total</th></tr>
      </thead>
      <tbody>
        ${order.lines.map(
          (line) => html`<tr>
            <td>${line.product_name}${line.sku && html`<span class="contents"><code>${line.sku}</code></span>`}</td>
            <td class="number">${grouped(line.quantity)}</td>
            <td class="number wide">${line.unit_price === null ? "" : grouped(line.unit_price)}</td>
            <td class="number">${grouped(line.total)}</td>
          </tr>`,
        )}
      </tbody>
      <tfoot>
        ${order.adjustments.map((adjustment) => html`<${AdjustmentRow} adjustment=${adjustment} />`)}
        <tr><th scope="row" colspan="2">Total</th><td class="wide"></td><td class="number"><${Amount} amount=${order.amount} currency=${order.currency} /></td></tr>
      </tfoot>
    </table>
  </section>`;
}

/** @type {Record<string, string>} */
const ADJUSTMENTS = { discount: "Discount", shipping: "Shipping", tax: "Tax", fee: "Fee", tip: "Tip", rounding: "Rounding", other: "Other" };

/** @param {{ adjustment: Adjustment }} props */
function AdjustmentRow({ adjustment: { kind, label, amount, included } }) {
  return html`<tr class="adjustment-row">
    <td colspan="2">${ADJUSTMENTS[kind] ?? kind}${label && html` <span class="faint">${label}</span>`}${included && html` <span class="faint">included in the prices</span>`}</td>
    <td class="wide"></td>
    <td class="number ${included ? "faint" : ""}">${grouped(amount)}</td>
  </tr>`;
}

/** @param {{ order: Order }} props */
function Facts({ order }) {
  const metadata = Object.entries(order.metadata);
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title">Facts</h2>
    <dl class="facts">
      <dt>User</dt><dd><a href=${address(["orders"], { user: order.user_id })}>${order.user_id}</a></dd>
      ${order.external_id && html`<dt>External id</dt><dd><${Copyable} text=${order.external_id} label="the external id" /></dd>`}
      <dt>Id</dt><dd><${Copyable} text=${order.id} label="the id" /></dd>
      <dt>Source</dt><dd>${order.source}</dd>
      ${order.process_after && html`<dt>Not before</dt><dd><${Time} at=${order.process_after} exact=${true} /></dd>`}
      <dt>Created</dt><dd><${Time} at=${order.created_at} exact=${true} /></dd>
      <dt>Changed</dt><dd><${Time} at=${order.updated_at} exact=${true} /></dd>
      <dt>Attempts</dt><dd>${order.attempt}</dd>
      <dt>Version</dt><dd>${order.version}</dd>
      ${metadata.map(([name, value]) => html`<dt class="metadata">${name}</dt><dd class="metadata">${value}</dd>`)}
    </dl>
    ${order.result !== null && html`<h3>Result of the work</h3><pre class="result" tabindex="0" aria-label="Result of the work">${JSON.stringify(order.result, null, 2)}</pre>`}
  </section>`;
}

/** @param {{ order: Order, text: string | null }} props */
function Receipt({ order, text }) {
  return html`<section class="panel" aria-labelledby="receipt-title">
    <h2 id="receipt-title">Receipt</h2>
    ${text === null
      ? html`<p class="faint">${isFinal(order.status) && order.status !== "PROCESSED" ? "There is none: the order was cancelled." : "There is one once the order is processed."}</p>`
      : html`<pre class="receipt" tabindex="0" aria-label="The receipt's text">${text}</pre>`}
  </section>`;
}

/**
 * @typedef {{ name: string, path: string, label: string, done: string, isDestructive?: boolean, consequence?: string }} Action
 */

/** @param {Refused} refused */
const movedOn = ({ requestId }) =>
  new Refused("The order has changed since you looked at it", {
    status: 412, code: "version_mismatch", request_id: requestId, detail: "Nothing was done. Look at it as it is now, then decide again.",
  });

/** What each status allows; the server decides. @type {Record<Status, Action[]>} */
const ACTIONS = (() => {
  const cancel = {
    name: "cancel", path: "orders", label: "Cancel order", done: "The order is cancelled.", isDestructive: true,
    consequence: "It will not be processed. A cancelled order stays cancelled: to go on after all, place a new one.",
  };
  const hold = { name: "hold", path: "orders", label: "Hold", done: "The order is held until somebody releases it." };
  const release = { name: "release", path: "orders", label: "Release", done: "The order goes on." };
  const replay = { name: "replay", path: "dead-letters", label: "Replay", done: "The order is processed again." };
  const discard = {
    name: "discard", path: "dead-letters", label: "Discard", done: "The order is given up.", isDestructive: true,
    consequence: "It becomes cancelled and cannot be replayed any more.",
  };
  return { PENDING: [hold, cancel], PROCESSING: [], RETRYING: [hold, cancel], ON_HOLD: [release, cancel], FAILED: [replay, discard], PROCESSED: [], CANCELLED: [] };
})();

/** @param {{ order: Order, watched: Watched }} props */
function Actions({ order, watched }) {
  const run = async (/** @type {Action} */ action) => {
    // Bound to what is seen: an order that has moved on is refused, not changed blindly.
    try {
      await send(`/v1/${action.path}/${order.id}/${action.name}`, undefined, { "if-match": `"${order.version}"` });
    } catch (error) {
      throw error instanceof Refused && error.status === 412 ? movedOn(error) : error;
    } finally {
      watched.read();
    }
    notify(action.done);
  };
  const begin = (/** @type {Action} */ action) => {
    if (action.consequence) {
      ask({ title: `${action.label}?`, body: html`<p>${action.consequence}</p>`, confirm: action.label, isDestructive: true, run: () => run(action) });
    } else {
      run(action).catch((error) => notify(error instanceof Refused ? `${error.message}. ${error.detail}` : String(error), "fault"));
    }
  };
  return ACTIONS[order.status].map(
    (action) => html`<button key=${action.name} type="button" class="button ${action.isDestructive ? "button-quiet-danger" : ""}" onClick=${() => begin(action)}>
      ${action.label}
    </button>`,
  );
}
