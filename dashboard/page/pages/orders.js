// @ts-check
// All orders, newest first and live, with filters that are part of the address, so that a view can be linked and kept.

import { html, useEffect, useMemo, useState } from "../html.js";
import { Title } from "../frame/title.js";
import { address, adjust, go, route } from "../frame/route.js";
import { toUtc } from "../text/time.js";
import { LiveList, Pager } from "../parts/live_list.js";
import { ListView } from "../parts/list_view.js";
import { OrderTable } from "../parts/order_table.js";
import { STATUSES, word } from "../parts/status.js";

const SIZE = 50;
const SOURCES = ["web", "pos", "mobile", "api", "import"];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** What is typed counts once the typing pauses. */
const PAUSE_MS = 250;

/** @type {Record<string, [label: string, minutes: number]>} */
const PERIODS = {
  "15m": ["Last 15 minutes", 15],
  "1h": ["Last hour", 60],
  "24h": ["Last 24 hours", 24 * 60],
  "7d": ["Last 7 days", 7 * 24 * 60],
};
const FILTERS = ["status", "user", "source", "q", "period", "from", "to"];

/** What is asked for at present, by the address. */
function filtersOf() {
  const { query } = route.value;
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
}

/** @param {Record<string, string>} filters */
function queryOf({ status, user, source, q, period, from, to }) {
  const minutes = PERIODS[period]?.[1];
  return {
    status,
    user_id: user,
    source,
    q,
    created_from: minutes ? new Date(Date.now() - minutes * 60_000).toISOString() : period === "range" ? toUtc(from) : "",
    created_to: period === "range" ? toUtc(to) : "",
  };
}

export function Orders() {
  const filters = filtersOf();
  const key = JSON.stringify(filters);
  const list = useMemo(
    () =>
      new LiveList("/v1/orders", queryOf(filters), {
        size: SIZE,
        // An order that only passes through a status that is not asked for cannot come in.
        concerns: (change) =>
          (filters.user === "" || change.user_id === filters.user) &&
          (filters.status === "" ? change.version === 1 : change.status === filters.status),
      }),
    [key],
  );
  useEffect(() => () => list.dispose(), [list]);
  const isFiltered = Object.values(filters).some((value) => value !== "");
  return html`
    <${Title} text="Orders" />
    <${Filters} filters=${filters} isFiltered=${isFiltered} />
    <${ListView} list=${list} empty=${isFiltered ? html`<${NothingFits} />` : html`<${NoOrders} />`}>
      <div class="panel panel-table"><${OrderTable} orders=${list.rows.value} caption="Orders, newest first" /></div>
      <${Pager} list=${list} />
    <//>
  `;
}

function NothingFits() {
  return html`<div class="empty">
    <h2>No order fits these filters</h2>
    <p>A search finds the beginning of an external id, a SKU or a product name, with capital letters as they are written.</p>
    <a class="button" href="#/orders">Clear the filters</a>
  </div>`;
}

function NoOrders() {
  return html`<div class="empty">
    <h2>No orders yet</h2>
    <p>Place the first one here, send one to <code>POST /v1/orders</code>, or bring yours in with <code>ordermill import</code>.</p>
    <a class="button button-main" href="#/place">Place an order</a>
  </div>`;
}

/** @param {{ filters: Record<string, string>, isFiltered: boolean }} props */
function Filters({ filters, isFiltered }) {
  // From the address as it is by then: what is typed counts a little later, and another filter may have changed.
  const set = (/** @type {Record<string, string>} */ changed) => adjust(address(["orders"], { ...filtersOf(), ...changed }));
  return html`<form class="filters" role="search" aria-label="Filter orders" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <${Typed} id="filter-q" label="Search" value=${filters.q} placeholder="Id, number, SKU or product" kind="search"
      onValue=${(/** @type {string} */ q) => (UUID.test(q.trim()) ? go(address(["orders", q.trim().toLowerCase()])) : set({ q }))} />
    <${Typed} id="filter-user" label="User" value=${filters.user} placeholder="Any" onValue=${(/** @type {string} */ user) => set({ user })} />
    <${Choice} id="filter-status" label="Status" value=${filters.status} onValue=${(/** @type {string} */ status) => set({ status })}
      options=${STATUSES.map((status) => [status, word(status)])} />
    <${Choice} id="filter-source" label="Source" value=${filters.source} onValue=${(/** @type {string} */ source) => set({ source })}
      options=${SOURCES.map((source) => [source, source])} />
    <${Choice} id="filter-period" label="Created" value=${filters.period}
      onValue=${(/** @type {string} */ period) => set({ period, from: "", to: "" })}
      options=${[...Object.entries(PERIODS).map(([name, [label]]) => [name, label]), ["range", "Between…"]]} />
    ${filters.period === "range" &&
    html`<${Moment} id="filter-from" label="From" value=${filters.from} onValue=${(/** @type {string} */ from) => set({ from })} />
      <${Moment} id="filter-to" label="To" value=${filters.to} onValue=${(/** @type {string} */ to) => set({ to })} />`}
    ${isFiltered && html`<a class="filters-clear" href="#/orders">Clear</a>`}
  </form>`;
}

/**
 * A text that counts once the typing pauses.
 * @param {{ id: string, label: string, value: string, placeholder: string, kind?: string, onValue: (value: string) => void }} props
 */
export function Typed({ id, label, value, placeholder, kind = "text", onValue }) {
  const [typed, setTyped] = useState(value);
  // The address changed by itself: a link, or the way back.
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const pause = setTimeout(() => onValue(typed), PAUSE_MS);
    return () => clearTimeout(pause);
  }, [typed]);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} class="input" type=${kind} value=${typed} placeholder=${placeholder} autocomplete="off" spellcheck="false"
      onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)} />
  </div>`;
}

/** @param {{ id: string, label: string, value: string, options: [string, string][], onValue: (value: string) => void }} props */
function Choice({ id, label, value, options, onValue }) {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} class="input" value=${value} onChange=${(/** @type {any} */ event) => onValue(event.currentTarget.value)}>
      <option value="">Any</option>
      ${options.map(([name, text]) => html`<option key=${name} value=${name} selected=${name === value}>${text}</option>`)}
    </select>
  </div>`;
}

/** @param {{ id: string, label: string, value: string, onValue: (value: string) => void }} props */
function Moment({ id, label, value, onValue }) {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} class="input" type="datetime-local" value=${value} onChange=${(/** @type {any} */ event) => onValue(event.currentTarget.value)} />
  </div>`;
}
