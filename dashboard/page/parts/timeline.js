// @ts-check
// What happened to an order, event by event, in sentences that name the attempt, the reason and what follows.

import { html } from "../html.js";
import { grouped } from "../text/money.js";
import { exactTime, span } from "../text/time.js";
import { Time } from "./facts.js";
import { Icon } from "./icons.js";

/** @type {Record<string, (event: OrderEvent, before?: OrderEvent) => string>} */
const SENTENCES = {
  "order.created": ({ history }) => (history ? "Imported: placed elsewhere" : "Accepted and stored"),
  "order.processing": ({ data, history }) => (history ? "Processed elsewhere" : `Work began, attempt ${data.attempt}`),
  "order.retrying": ({ data }, before) =>
    // The count goes back if the fault was the endpoint's, or this process stopped.
    before && before.data.attempt > data.attempt ? `Attempt ${before.data.attempt} was taken back, it does not count` : `Attempt ${data.attempt} did not succeed`,
  "order.processed": ({ data, history }) => (history ? "Done elsewhere" : data.attempt > 1 ? `Done at attempt ${data.attempt}` : "Done"),
  "order.failed": ({ data }) => `Given up at attempt ${data.attempt}, now a dead letter`,
  "order.held": () => "Held back by a person",
  "order.released": () => "Released by a person",
  "order.cancelled": ({ history }) => (history ? "Cancelled elsewhere" : "Cancelled"),
  "order.replayed": () => "Replayed by a person, attempts count anew",
  "order.erased": () => "Erased",
};

/** @param {{ events: OrderEvent[], order: Order, isCut: boolean }} props */
export function Timeline({ events, order, isCut }) {
  return html`<ol class="timeline">
    ${events.map((event, index) => html`<${Happened} key=${event.version} event=${event} before=${events[index - 1]} />`)}
    ${isCut && html`<li class="timeline-next">Later events are left out: there are very many.</li>`}
    ${order.waiting_for && html`<${Next} waiting_for=${order.waiting_for} />`}
  </ol>`;
}

/** What the order waits for, in words. @type {Record<string, (until: string | null) => string>} */
const WAITS = {
  worker: () => "Waits for a free worker.",
  process_after: (until) => `Is not processed before ${until ? exactTime(until) : "its time"}.`,
  handler: () => "Waits for the handler's answer.",
  retry: (until) => (until ? `Waits for the next attempt, at ${exactTime(until)}.` : "Waits for the next attempt."),
  release: () => "Waits until somebody releases it.",
  operator: () => "Waits until somebody replays or discards it.",
};

/** @param {{ waiting_for: WaitingFor }} props */
function Next({ waiting_for: { what, until } }) {
  return html`<li class="timeline-next">${WAITS[what]?.(until) ?? `Waits for ${what}.`}</li>`;
}

/** @param {{ event: OrderEvent, before?: OrderEvent }} props */
function Happened({ event, before }) {
  const { failure } = event.data;
  const sign = event.status ?? "CANCELLED";
  const since = before ? Date.parse(event.occurred_at) - Date.parse(before.occurred_at) : null;
  const sentence = SENTENCES[event.event_type]?.(event, before) ?? event.event_type;
  return html`<li class="happened">
    <span class="happened-sign status-${sign}"><${Icon} name=${sign} /></span>
    <div class="happened-text">
      <p class="happened-what">${sentence}</p>
      ${failure && html`<p class="happened-why"><code>${failure.code}</code> ${failure.message}</p>`}
      ${(event.reason || event.actor) && html`<p class="happened-why">${event.reason ?? ""}${event.actor && html` <span class="faint">by ${event.actor}</span>`}</p>`}
      <p class="faint happened-when">
        <${Time} at=${event.occurred_at} exact=${true} />
        ${since !== null && html`<span title="After the event before">+${span(since)}</span>`}
        <span>version ${grouped(event.version)}</span>
        ${event.request_id && html`<span>request <code>${event.request_id}</code></span>`}
      </p>
    </div>
  </li>`;
}
