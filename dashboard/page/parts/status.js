// @ts-check
// A status as people read it: its sign, its word and its tint.

import { html } from "../html.js";
import { Icon } from "./icons.js";

/** In the order in which an order passes through them. @type {Status[]} */
export const STATUSES = ["PENDING", "PROCESSING", "RETRYING", "ON_HOLD", "PROCESSED", "FAILED", "CANCELLED"];

/** @type {Record<Status, string>} */
const WORDS = {
  PENDING: "Pending",
  PROCESSING: "Processing",
  RETRYING: "Retrying",
  PROCESSED: "Processed",
  FAILED: "Failed",
  ON_HOLD: "On hold",
  CANCELLED: "Cancelled",
};

/** @param {Status} status */
export const word = (status) => WORDS[status] ?? status;

/** Whether nothing follows any more. @param {Status} status */
export const isFinal = (status) => status === "PROCESSED" || status === "CANCELLED";

/** @param {{ status: Status }} props */
export function StatusMark({ status }) {
  return html`<span class="status status-${status}"><${Icon} name=${status} />${word(status)}</span>`;
}
