// @ts-check
// How everything stands at a glance: what wants a person's attention, how many orders stand where, how fast they come and
// go, how deep the queue is, and the newest ones.

import { html, useEffect, useMemo } from "../html.js";
import { address } from "../frame/route.js";
import { Title } from "../frame/title.js";
import { Icon } from "../parts/icons.js";
import { LiveList } from "../parts/live_list.js";
import { ListView } from "../parts/list_view.js";
import { OrderTable } from "../parts/order_table.js";
import { Plot } from "../parts/plot.js";
import { STATUSES, word } from "../parts/status.js";
import { history, rates, tick } from "../server/pulse.js";
import { health, queueHistory, reasons, stats } from "../server/standing.js";
import { grouped } from "../text/money.js";
import { span } from "../text/time.js";

const NEWEST = 8;
/** In the order of `history`, and of `queueHistory`. @type {import("../parts/plot.js").Series[]} */
const THROUGHPUT = [
  { label: "processed", tint: "--PROCESSED", isFilled: true },
  { label: "accepted", tint: "--PENDING", isDashed: true },
  { label: "failed", tint: "--FAILED" },
];
/** @type {import("../parts/plot.js").Series[]} */
const QUEUE = [
  { label: "waiting", tint: "--RETRYING", isFilled: true, isStepped: true },
  { label: "at work", tint: "--PROCESSING", isStepped: true, isDashed: true },
];

export function Overview() {
  const list = useMemo(() => new LiveList("/v1/orders", {}, { size: NEWEST, concerns: (change) => change.version === 1 }), []);
  useEffect(() => () => list.dispose(), [list]);
  return html`
    <${Title} text="Overview" aside=${html`<${HealthLine} />`} />
    <${Attention} />
    <${HandlerNote} />
    <${Counts} />
    <div class="plots">
      <${Throughput} />
      <${Queue} />
    </div>
    <section class="panel panel-table" aria-labelledby="newest-title">
      <h2 id="newest-title">Newest orders <a class="more" href="#/orders">See all</a></h2>
      <${ListView} list=${list} empty=${html`<${First} />`}><${OrderTable} orders=${list.rows.value} caption="The newest orders" /><//>
    </section>
  `;
}

function HealthLine() {
  const now = health.value;
  if (!now) return null;
  const { breaker = null, oldest_due_age_ms: age = null } = stats.value ?? {};
  const isWell = now.status === "healthy";
  return html`<p class="health">Version ${now.version}${!isWell && html`<span><strong>${now.status === "degraded" ? "Degraded" : "Unavailable"}</strong></span>`}<span>Store ${now.store}</span>${breaker && html`<span>Circuit breaker ${breaker.state}</span>`}${age !== null && html`<span>Oldest due order ${span(age)}</span>`}</p>`;
}

/** What the server says of its handler: without one, orders count as processed though nothing was done. */
function HandlerNote() {
  const note = health.value?.handler?.note;
  return note ? html`<p class="note" role="note">${note}</p>` : null;
}

/** @param {HealthReason} reason */
function sentence({ code, detail }) {
  const next = stats.value?.breaker?.next_probe_ms;
  const isOpen = code === "breaker_open" && next !== null && next !== undefined;
  return isOpen ? `${detail} Next probe in ${span(next)}.` : detail;
}

/** Only what somebody should do something about; nothing where all is well. */
function Attention() {
  const counts = stats.value;
  const items = reasons.value.map((reason) => html`<li data-reason=${reason.code}>${sentence(reason)}</li>`);
  if (counts && counts.failed > 0) {
    items.push(html`<li><a href="#/dead-letters">${counts.failed === 1 ? "1 order" : `${grouped(counts.failed)} orders`} failed for good</a> and ${counts.failed === 1 ? "waits" : "wait"} to be replayed or discarded.</li>`);
  }
  const held = counts?.by_status.ON_HOLD ?? 0;
  if (held > 0) items.push(html`<li><a href=${address(["orders"], { status: "ON_HOLD" })}>${held === 1 ? "1 order is" : `${grouped(held)} orders are`} on hold</a> until somebody releases ${held === 1 ? "it" : "them"}.</li>`);
  if (items.length === 0) return null;
  return html`<section class="attention" aria-label="Needs attention"><${Icon} name="FAILED" /><ul>${items}</ul></section>`;
}

function Counts() {
  const counts = stats.value;
  return html`<ul class="counts" aria-label="Orders by status">
    ${STATUSES.map((status) => {
      const count = counts?.by_status[status];
      return html`<li key=${status}>
        <a class="count ${count ? `status-${status}` : "count-none"}" href=${status === "FAILED" ? "#/dead-letters" : address(["orders"], { status })}>
          <span class="count-name"><${Icon} name=${status} />${word(status)}</span>
          <span class="count-number" data-count=${status}>${count === undefined ? "–" : grouped(count)}</span>
        </a>
      </li>`;
    })}
  </ul>`;
}

function Throughput() {
  const now = tick.value;
  const { accepted, processed, failed } = rates();
  const says = `${rate(accepted)} orders a second accepted, ${rate(processed)} processed, ${rate(failed)} failed`;
  return html`<section class="panel panel-plot" aria-labelledby="rates-title">
    <h2 id="rates-title">Orders a second</h2>
    <ul class="legend">
      <${Legend} tint="PENDING" label="accepted" value=${rate(accepted)} />
      <${Legend} tint="PROCESSED" label="processed" value=${rate(processed)} />
      <${Legend} tint="FAILED" label="failed" value=${rate(failed)} />
    </ul>
    <${Plot} label=${`The last minutes. Now: ${says}.`} tick=${now} data=${history}
      series=${THROUGHPUT} />
  </section>`;
}

function Queue() {
  const now = tick.value;
  const by = stats.value?.by_status;
  const waiting = by ? by.PENDING + by.RETRYING : 0;
  const working = by?.PROCESSING ?? 0;
  return html`<section class="panel panel-plot" aria-labelledby="queue-title">
    <h2 id="queue-title">Queue</h2>
    <ul class="legend">
      <${Legend} tint="RETRYING" label="waiting" value=${grouped(waiting)} />
      <${Legend} tint="PROCESSING" label="at work" value=${grouped(working)} />
    </ul>
    <${Plot} label=${`The last minutes. Now: ${waiting} orders wait, ${working} are at work.`} tick=${now} data=${queueHistory}
      series=${QUEUE} />
  </section>`;
}

/** @param {{ tint: string, label: string, value: string }} props */
function Legend({ tint, label, value }) {
  return html`<li class="legend-item"><span class="swatch swatch-${tint}"></span><strong>${value}</strong> ${label}</li>`;
}

/** @param {number} value */
const rate = (value) => (value === 0 ? "0" : value < 100 ? value.toFixed(1) : grouped(Math.round(value)));

function First() {
  return html`<div class="empty">
    <h2>No orders yet</h2>
    <p>Place the first one here, send one to <code>POST /v1/orders</code>, or bring yours in with <code>ordermill import</code>.</p>
    <a class="button button-main" href="#/place">Place an order</a>
  </div>`;
}
