// @ts-check
// The page's few signs, drawn in the colour of their text. A status is told by its sign and its word; colour only helps.

import { html } from "../html.js";

/** @type {Record<string, string>} */
const PATHS = {
  overview: "M2.5 13.5h11M4.5 11V7.5M8 11V3M11.5 11V6",
  orders: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  letters: "M2.5 4h11v8.5h-11zM2.5 4.5 8 9l5.5-4.5",
  plus: "M8 3v10M3 8h10",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8 14 14",
  close: "M4 4l8 8M12 4l-8 8",
  light: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1",
  dark: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z",
  system: "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
  help: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.3-1 .8-1 1.5M8 12.2h.01",
  back: "M9.5 3.5 5 8l4.5 4.5",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  // Statuses: a ring that waits, one half filled, a turning arrow, a tick, a warning, a pause, a stroke through.
  PENDING: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z",
  PROCESSING: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 8V4.8M8 8l2.4 1.6",
  RETRYING: "M13 8a5 5 0 1 1-1.6-3.7M13.2 2v2.8h-2.8",
  PROCESSED: "M3 8.6l3.4 3.4L13 4.6",
  FAILED: "M8 2.2 14.4 13.4H1.6zM8 6.6v3M8 11.5h.01",
  ON_HOLD: "M5.5 3.5v9M10.5 3.5v9",
  CANCELLED: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM4.3 11.7l7.4-7.4",
};

/** @param {{ name: string, class?: string }} props */
export function Icon({ name, class: extra = "" }) {
  return html`<svg class="icon ${extra}" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
