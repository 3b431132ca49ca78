// @ts-check
// What surrounds every view: the way around, how the connection is, notices and the dialog.

import { html } from "../html.js";
import { Icon } from "../parts/icons.js";
import { DeadLetters } from "../pages/dead_letters.js";
import { OneOrder } from "../pages/order.js";
import { Orders } from "../pages/orders.js";
import { Overview } from "../pages/overview.js";
import { Place } from "../pages/place.js";
import { connection } from "../server/changes.js";
import { stats } from "../server/standing.js";
import { grouped } from "../text/money.js";
import { Banner } from "./banner.js";
import { Dialog } from "./dialog.js";
import { Notices } from "./notices.js";
import { route } from "./route.js";
import { showHelp } from "./shortcuts.js";
import { switchTheme, theme } from "./theme.js";
import { Title } from "./title.js";

/** @type {{ to: string, segment: string | undefined, icon: string, label: string }[]} */
const PLACES = [
  { to: "#/", segment: undefined, icon: "overview", label: "Overview" },
  { to: "#/orders", segment: "orders", icon: "orders", label: "Orders" },
  { to: "#/dead-letters", segment: "dead-letters", icon: "letters", label: "Dead letters" },
  { to: "#/place", segment: "place", icon: "plus", label: "Place" },
];

export function Shell() {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById("main")?.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="head">
      <div class="head-inner">
        <a class="brand" href="#/"><img src="/dashboard/icon.svg" alt="" width="22" height="22" />ordermill</a>
        <${Places} />
        <div class="head-end"><${ConnectionMark} />${route.value.segments[0] !== "place" && html`<a class="button button-main only-wide" href="#/place">Place an order</a>`}<${ThemeButton} /><button type="button" class="button-icon only-wide" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${showHelp}><${Icon} name="help" /></button></div>
      </div>
    </header>
    <${Banner} />
    <main id="main" class="main" tabindex="-1"><${View} /></main>
    <${Notices} />
    <${Dialog} />
  `;
}

function View() {
  const { segments } = route.value;
  const [place, id, ...rest] = segments;
  if (rest.length === 0) {
    if (place === undefined) return html`<${Overview} />`;
    if (place === "orders") return id === undefined ? html`<${Orders} />` : html`<${OneOrder} key=${id} id=${id.toLowerCase()} />`;
    if (place === "dead-letters" && id === undefined) return html`<${DeadLetters} />`;
    if (place === "place" && id === undefined) return html`<${Place} />`;
  }
  return html`<${Title} text="Nothing here" /><div class="empty"><h2>This address leads nowhere</h2><p>It may be cut off, or of another version.</p><a class="button" href="#/">Go to the overview</a></div>`;
}

function Places() {
  const here = route.value.segments[0];
  const failed = stats.value?.failed ?? 0;
  return html`<nav class="places" aria-label="Main">
    ${PLACES.map(
      ({ to, segment, icon, label }) => html`<a key=${to} class="place-link ${segment === "place" ? "only-narrow" : ""}" href=${to} aria-current=${here === segment ? "page" : undefined}>
        <${Icon} name=${icon} /><span>${label}</span>
        ${segment === "dead-letters" && failed > 0 && html`<span class="badge">${failed > 9_999 ? "9,999+" : grouped(failed)}<span class="unseen"> orders failed</span></span>`}
      </a>`,
    )}
  </nav>`;
}

function ConnectionMark() {
  const { state } = connection.value;
  const text = { connecting: "Connecting", live: "Live", lost: "Offline" }[state];
  return html`<span class="connection connection-${state}" data-connection=${state}>${text}</span>`;
}

function ThemeButton() {
  const text = { system: "Theme: as the system is", light: "Theme: light", dark: "Theme: dark" }[theme.value];
  return html`<button type="button" class="button-icon" aria-label=${text} title=${`${text} (t)`} onClick=${switchTheme}><${Icon} name=${theme.value} /></button>`;
}
