// @ts-check
// A live list with all that can be true of it: being read, failed, empty, shown.

import { html } from "../html.js";
import { connection } from "../server/changes.js";
import { Trouble } from "./trouble.js";

/**
 * @param {{ list: import("./live_list.js").LiveList, empty: any, children: any }} props `empty` says what to do next.
 */
export function ListView({ list, empty, children }) {
  const refused = list.refused.value;
  // The banner says it already, and the list is read anew by itself.
  const isCutOff = refused?.status === 0 && connection.value.state === "lost";
  if (isCutOff && list.rows.value.length === 0) return html`<p class="quiet">The orders are shown as soon as the connection is back.</p>`;
  if (list.isLoading.value) return html`<p class="quiet" aria-busy="true">Reading…</p>`;
  return html`
    ${refused && !isCutOff && html`<${Trouble} refused=${refused} again=${() => list.again()} />`}
    ${list.rows.value.length > 0 ? children : !refused && rest(list, empty)}
  `;
}

/**
 * @param {import("./live_list.js").LiveList} list
 * @param {any} empty
 */
function rest(list, empty) {
  if (!list.next.value) return empty;
  // The server looked at very many orders and found none yet; older ones may fit.
  return html`<div class="empty">
    <h2>Nothing found among the newest orders</h2>
    <p>There are older ones that were not looked at yet.</p>
    <button type="button" class="button" onClick=${() => list.older()}>Look further back</button>
  </div>`;
}
