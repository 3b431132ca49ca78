// @ts-check
// Small facts of an order that several views show alike: an amount, a time, an id.

import { html, useState } from "../html.js";
import { grouped } from "../text/money.js";
import { exactTime, shortTime } from "../text/time.js";
import { Icon } from "./icons.js";

/** @param {{ amount: Decimal, currency: string }} props */
export function Amount({ amount, currency }) {
  return html`<span class="amount">${grouped(amount)} <span class="currency">${currency}</span></span>`;
}

/** @param {{ at: string, exact?: boolean }} props */
export function Time({ at, exact = false }) {
  return html`<time datetime=${at} title=${at}>${exact ? exactTime(at) : shortTime(at)}</time>`;
}

/** What was ordered, in a line. @param {Order} order */
export function contents(order) {
  if (order.lines.length === 0) return "No lines, an amount alone";
  const [first, ...others] = order.lines;
  const begin = String(first.quantity) === "1" ? first.product_name : `${first.quantity} × ${first.product_name}`;
  return others.length > 0 ? `${begin} + ${others.length} more` : begin;
}

/** @param {{ text: string, label: string }} props */
export function Copyable({ text, label }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers give the clipboard to secure pages alone; elsewhere the text can still be marked by hand.
  if (!navigator.clipboard) return html`<code class="id">${text}</code>`;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return html`<span class="copyable"
    ><code class="id">${text}</code
    ><button type="button" class="button-icon" aria-label=${isCopied ? "Copied" : `Copy ${label}`} onClick=${copy}>
      <${Icon} name=${isCopied ? "PROCESSED" : "copy"} /></button
  ></span>`;
}
