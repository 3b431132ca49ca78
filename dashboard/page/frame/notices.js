// @ts-check
// Short notices of what was done, seen at the foot of the page and read out politely. They go by themselves.

import { html, signal } from "../html.js";

const SHOWN_MS = 6_000;
const MOST = 3;

/** @type {import("../vendor/signals.mjs").Signal<{ id: number, text: string, tone: "done" | "fault" }[]>} */
const notices = signal(/** @type {any[]} */ ([]));
let last = 0;

/**
 * @param {string} text
 * @param {"done" | "fault"} [tone]
 */
export function notify(text, tone = "done") {
  const id = (last += 1);
  notices.value = [...notices.value, { id, text, tone }].slice(-MOST);
  setTimeout(() => {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }, SHOWN_MS);
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.value.map(({ id, text, tone }) => html`<p key=${id} class="notice notice-${tone}">${text}</p>`)}
  </div>`;
}
