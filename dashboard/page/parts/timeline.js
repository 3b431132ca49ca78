// @ts-check
// What happened to an order, event by event, in sentences that name the attempt, the reason and what follows.

import { html } from "../html.js";
import { grouped } from "../text/money.js";
import { exactTime, span } from "../text/time.js";
import { Time } from "./facts.js";
import { Icon } from "./icons.js";

/** @type {Record<string, (event: OrderEvent, before?: OrderEvent) => string>} */
const SENTENCES = {
  "order.created": () => "Taken and stored",
  "order.processing": ({ data }) => `Work began, attempt ${data.attempt}`,
  "order.retrying": ({ data }, before) =>
    // The count goes back where the endpoint, or this process, was to blame and not the order.
    before && before.data.attempt > data.attempt ? `Attempt ${before.data.attempt} was taken back, it does not count` : `Attempt ${data.attempt} did not succeed`,
  "order.processed": ({ data }) => (data.attempt > 1 ? `Done at attempt ${data.attempt}` : "Done"),
  "order.failed": ({ data }) => `Given up at attempt ${data.attempt}, now a dead letter`,
  "order.held": () => "Held back by a person",
  "order.released": () => "Released by a person",
  "order.cancelled": () => "Cancelled",
  "order.replayed": () => "Replayed by a person, attempts count anew",
};

/** @param {{ events: OrderEvent[], order: Order, isCut: boolean }} props */
export function Timeline({ events, order, isCut }) {
  return html`<ol class="timeline">
    ${events.map((event, index) => html`<${Happened} key=${event.version} event=${event} before=${events[index - 1]} />`)}
    ${isCut && html`<li class="timeline-next">Later events are left out: there are very many.</li>`}
    ${order.status === "ON_HOLD" && html`<li class="timeline-next">Waits until somebody releases it.</li>`}
    ${order.status === "FAILED" && html`<li class="timeline-next">Waits until somebody replays or discards it.</li>`}
  </ol>`;
}

/** @param {{ event: OrderEvent, before?: OrderEvent }} props */
function Happened({ event, before }) {
  const { failure, retry_at } = event.data;
  const since = before ? Date.parse(event.occurred_at) - Date.parse(before.occurred_at) : null;
  const sentence = SENTENCES[event.event_type]?.(event, before) ?? event.event_type;
  return html`<li class="happened">
    <span class="happened-sign status-${event.status}"><${Icon} name=${event.status} /></span>
    <div class="happened-text">
      <p class="happened-what">${sentence}</p>
      ${failure && html`<p class="happened-why"><code>${failure.code}</code> ${failure.message}</p>`}
      ${retry_at && html`<p class="faint">Next attempt at ${exactTime(retry_at)}</p>`}
      <p class="faint happened-when">
        <${Time} at=${event.occurred_at} exact=${true} />
        ${since !== null && html`<span title="After the event before">+${span(since)}</span>`}
        <span>version ${grouped(event.version)}</span>
        ${event.request_id && html`<span>request <code>${event.request_id}</code></span>`}
      </p>
    </div>
  </li>`;
}
