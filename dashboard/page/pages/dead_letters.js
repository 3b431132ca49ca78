// @ts-check
// What failed for good: grouped by reason, each with its orders, to be replayed or discarded one by one, as a selection, or
// all of a reason. Every change of more than one order is asked about first, with its number.

import { html, signal, useEffect, useMemo } from "../html.js";
import { ask } from "../frame/dialog.js";
import { notify } from "../frame/notices.js";
import { address, adjust, route } from "../frame/route.js";
import { Title } from "../frame/title.js";
import { Time } from "../parts/facts.js";
import { LiveList, Pager } from "../parts/live_list.js";
import { ListView } from "../parts/list_view.js";
import { OrderTable } from "../parts/order_table.js";
import { epoch, onChanges } from "../server/changes.js";
import { Refused, read, send } from "../server/requests.js";
import { grouped } from "../text/money.js";
import { Typed } from "./orders.js";

const SIZE = 50;
/** The reasons are read again at most so often, and the less often, the longer a reading takes: it walks all dead letters. */
const PACE_MS = 1_000;
const PACE_OF_DURATION = 10;
/** A selection is changed order by order; so many at a time. */
const AT_A_TIME = 6;

/** The reasons with their numbers, read again soon after a letter came or went. */
class WatchedReasons {
  reasons = signal(/** @type {Reasons | null} */ (null));
  #stops;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #planned;

  #duration_ms = 0;

  /** @param {string} user */
  constructor(user) {
    this.user = user;
    this.#stops = [
      onChanges((changes) => {
        if (changes.some(({ status, version }) => status === "FAILED" || status === "CANCELLED" || (status === "PENDING" && version > 1))) this.#plan(Math.max(PACE_MS, this.#duration_ms * PACE_OF_DURATION));
      }),
      epoch.subscribe(() => this.#plan(0)),
    ];
  }

  dispose() {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#planned);
  }

  /** @param {number} wait_ms */
  #plan(wait_ms) {
    this.#planned ??= setTimeout(async () => {
      const began = performance.now();
      try {
        this.reasons.value = await read("/v1/dead-letters/reasons", { user_id: this.user });
      } catch {
        // The list below says what is wrong; the reasons are read again with the next change or return.
      }
      this.#duration_ms = performance.now() - began;
      this.#planned = undefined;
    }, wait_ms);
  }
}

export function DeadLetters() {
  const { query } = route.value;
  const code = query.get("code") ?? "";
  const user = query.get("user") ?? "";
  const selected = useMemo(() => signal(/** @type {Set<string>} */ (new Set())), [code, user]);
  const watched = useMemo(() => new WatchedReasons(user), [user]);
  const list = useMemo(
    () => new LiveList("/v1/dead-letters", { code, user_id: user }, { size: SIZE, concerns: (change) => change.status === "FAILED" && (!user || change.user_id === user) }),
    [code, user],
  );
  useEffect(() => () => watched.dispose(), [watched]);
  useEffect(() => () => list.dispose(), [list]);
  const reasons = watched.reasons.value;
  const orders = list.rows.value.filter((order) => order.status === "FAILED");
  const isFiltered = code !== "" || user !== "";
  return html`
    <${Title} text="Dead letters" />
    <p class="lead">Orders that were given up, by the reason of their last attempt. Replay them once the reason is gone, or discard them.</p>
    ${reasons && reasons.data.length > 0 && html`<${ReasonTable} reasons=${reasons} code=${code} user=${user} />`}
    <form class="filters filters-few" role="search" aria-label="Filter dead letters" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Typed} id="letters-user" label="User" value=${user} placeholder="Any" onValue=${(/** @type {string} */ user) => adjust(address(["dead-letters"], { code: route.value.query.get("code") ?? "", user }))} />
      ${isFiltered && html`<a class="filters-clear" href="#/dead-letters">Clear</a>`}
    </form>
    <${ListView} list=${list} empty=${isFiltered ? html`<${NothingFits} />` : html`<${AllWell} />`}>
      <${Toolbar} orders=${orders} selected=${selected} reasons=${reasons} code=${code} user=${user} />
      <div class="panel panel-table"><${OrderTable} orders=${orders} caption="Dead letters, newest first" withReason=${true} selected=${selected} /></div>
      <${Pager} list=${list} />
    <//>
  `;
}

/** @param {{ reasons: Reasons, code: string, user: string }} props */
function ReasonTable({ reasons, code, user }) {
  return html`<section class="panel panel-table" aria-labelledby="reasons-title">
    <h2 id="reasons-title">By reason</h2>
    <table class="table">
      <thead>
        <tr><th scope="col">Reason</th><th scope="col" class="wide">For example</th><th scope="col" class="number">Orders</th><th scope="col" class="number wide">Newest</th></tr>
      </thead>
      <tbody>
        ${reasons.data.map(
          (reason) => html`<tr key=${reason.code} class="row ${reason.code === code ? "row-chosen" : ""}">
            <td><a class="row-link" aria-current=${reason.code === code ? "true" : undefined}
                href=${address(["dead-letters"], { code: reason.code === code ? "" : reason.code, user })}><code>${reason.code}</code></a></td>
            <td class="wide faint"><span class="contents">${reason.sample_message}</span></td>
            <td class="number">${grouped(reason.count)}${reasons.has_more ? "+" : ""}</td>
            <td class="number wide faint"><${Time} at=${reason.newest_at} /></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

/** @param {{ orders: Order[], selected: import("../parts/order_table.js").Selection, reasons: Reasons | null, code: string, user: string }} props */
function Toolbar({ orders, selected, reasons, code, user }) {
  // What is ticked and has been replayed by somebody else meanwhile is not there any more.
  const ids = orders.filter((order) => selected.value.has(order.id)).map((order) => order.id);
  const among = reasons && reasons.data.filter((reason) => code === "" || reason.code === code);
  const all = among ? among.reduce((sum, reason) => sum + reason.count, 0) : 0;
  const which = { ids, all, atLeast: reasons?.has_more ?? false, code, user, done: () => (selected.value = new Set()) };
  return html`<div class="toolbar" role="toolbar" aria-label="Change dead letters">
    <span class="toolbar-count" aria-live="polite">${ids.length > 0 ? `${ids.length} selected` : "None selected"}</span>
    <button type="button" class="button" disabled=${ids.length === 0} onClick=${() => askForSelection("replay", which)}>Replay selected</button>
    <button type="button" class="button button-quiet-danger" disabled=${ids.length === 0} onClick=${() => askForSelection("discard", which)}>Discard selected</button>
    <span class="toolbar-gap"></span>
    <button type="button" class="button" disabled=${all === 0} onClick=${() => askForAll("replay", which)}>Replay all${ofAll(which)}</button>
    <button type="button" class="button button-quiet-danger" disabled=${all === 0} onClick=${() => askForAll("discard", which)}>Discard all${ofAll(which)}</button>
  </div>`;
}

/** @typedef {{ ids: string[], all: number, atLeast: boolean, code: string, user: string, done: () => void }} Which */
/** @typedef {"replay" | "discard"} Steering */

/** @param {Which} which */
const ofAll = ({ all, atLeast }) => ` ${grouped(all)}${atLeast ? "+" : ""}`;
/** @param {number} count */
const orders = (count) => (count === 1 ? "1 order" : `${grouped(count)} orders`);
/** @param {Steering} steering */
const label = (steering) => (steering === "replay" ? "Replay" : "Discard");
/** @param {Steering} steering */
const consequence = (steering) =>
  steering === "replay" ? "They are worked on again, with fresh attempts." : "They become cancelled and cannot be replayed any more.";

/** @param {Steering} steering @param {Which} which */
function askForSelection(steering, which) {
  const { ids } = which;
  ask({
    title: `${label(steering)} ${orders(ids.length)}?`,
    body: html`<p>${consequence(steering)}</p>`,
    confirm: `${label(steering)} ${orders(ids.length)}`,
    isDestructive: steering === "discard",
    run: async () => {
      const { done, refused } = await steerEach(steering, ids);
      which.done();
      notify(`${label(steering)}ed ${orders(done)}.`);
      if (refused.length > 0) throw new Refused(`${orders(refused.length)} could not be changed`, { status: 409, code: "partly", detail: refused[0].message });
    },
  });
}

/** @param {Steering} steering @param {Which} which */
function askForAll(steering, which) {
  const { all, atLeast, code, user } = which;
  const count = `${atLeast ? "at least " : ""}${orders(all)}`;
  const with_ = [code && `with the reason ${code}`, user && `of the user ${user}`].filter(Boolean).join(" ");
  ask({
    title: `${label(steering)} ${count}?`,
    body: html`<p>All dead letters ${with_ || "of every reason"}, shown here or not. ${consequence(steering)}</p>`,
    confirm: `${label(steering)} ${count}`,
    isDestructive: steering === "discard",
    run: async () => {
      const filter = { ...(code && { code }), ...(user && { user_id: user }) };
      const { body } = await send(`/v1/dead-letters/${steering}`, JSON.stringify(filter));
      which.done();
      const done = body.replayed ?? body.discarded;
      notify(`${label(steering)}ed ${orders(done)}.${body.has_more ? " There are more." : ""}`);
    },
  });
}

/**
 * @param {Steering} steering
 * @param {string[]} ids
 */
async function steerEach(steering, ids) {
  const left = [...ids];
  /** @type {Error[]} */
  const refused = [];
  let done = 0;
  const worker = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      try {
        await send(`/v1/dead-letters/${id}/${steering}`);
        done += 1;
      } catch (error) {
        refused.push(/** @type {Error} */ (error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return { done, refused };
}

function AllWell() {
  return html`<div class="empty">
    <h2>Nothing failed</h2>
    <p>An order comes here when its work is refused for good, or did not succeed in as many attempts as it may have.</p>
    <a class="button" href="#/orders">See all orders</a>
  </div>`;
}

function NothingFits() {
  return html`<div class="empty"><h2>No dead letter fits</h2><p>None has this reason and user at present.</p><a class="button" href="#/dead-letters">Show all</a></div>`;
}
