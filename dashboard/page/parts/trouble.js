// @ts-check
// What went wrong, as the server says it, with the name under which its log tells more.

import { html } from "../html.js";

/** @param {{ refused: import("../server/requests.js").Refused, again?: () => void }} props */
export function Trouble({ refused, again }) {
  return html`<div class="trouble" role="alert">
    <p><strong>${refused.message}.</strong> ${refused.detail}</p>
    ${refused.faults.length > 0 && html`<ul>${refused.faults.map((fault) => html`<li>${place(fault)} ${fault.detail}</li>`)}</ul>`}
    ${refused.requestId && html`<p class="faint">Request <code>${refused.requestId}</code></p>`}
    ${again && html`<button type="button" class="button" onClick=${again}>Try again</button>`}
  </div>`;
}

/** @param {Fault} fault */
function place(fault) {
  const name = fault.parameter ?? fault.pointer ?? fault.header;
  return name ? html`<code>${name}</code>` : "";
}
