// @ts-check
// The keyboard: g and a letter goes somewhere, / searches, n begins an order, j and k walk through rows, ? tells all of this.
// Letters typed into a field are letters.

import { html } from "../html.js";
import { ask, isAsking } from "./dialog.js";
import { go, route } from "./route.js";
import { switchTheme } from "./theme.js";

/** How long after g its letter is waited for. */
const CHORD_MS = 1_200;

/** @type {[keys: string, what: string][]} */
const HELP = [
  ["g o", "Overview"],
  ["g a", "All orders"],
  ["g d", "Dead letters"],
  ["n", "Place an order"],
  ["/", "Search the orders"],
  ["j, k", "Next row, row before"],
  ["Enter", "Open the row"],
  ["x", "Tick the row, among the dead letters"],
  ["t", "Light, dark, or as the system is"],
  ["?", "This help"],
];

let chordUntil = 0;

/** Begins to listen. To be called once. */
export function listenForShortcuts() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isAsking() || isTyping(event.target)) return;
    if (act(event.key, performance.now() < chordUntil)) event.preventDefault();
  });
}

/** Shows what the keys do. */
export function showHelp() {
  ask({
    title: "Keyboard",
    body: html`<dl class="keys">${HELP.map(([keys, what]) => html`<div><dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>`,
  });
}

/**
 * @param {string} key
 * @param {boolean} isChord
 */
function act(key, isChord) {
  chordUntil = 0;
  if (isChord) {
    const where = { o: "#/", a: "#/orders", d: "#/dead-letters" }[key];
    if (where) go(where);
    return where !== undefined;
  }
  switch (key) {
    case "g":
      chordUntil = performance.now() + CHORD_MS;
      return true;
    case "n":
      go("#/place");
      return true;
    case "/":
      search();
      return true;
    case "j":
      return walk(1);
    case "k":
      return walk(-1);
    case "x":
      return tick();
    case "t":
      switchTheme();
      return true;
    case "?":
      showHelp();
      return true;
    default:
      return false;
  }
}

function search() {
  if (route.value.segments[0] !== "orders" || route.value.segments.length > 1) go("#/orders");
  // The field is there once the view is drawn.
  setTimeout(() => document.getElementById("filter-q")?.focus(), 50);
}

/** @param {1 | -1} step */
function walk(step) {
  const links = [...document.querySelectorAll("main .orders .row-link")];
  if (links.length === 0) return false;
  const here = links.indexOf(document.activeElement?.closest("tr")?.querySelector(".row-link") ?? document.body);
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + step));
  /** @type {HTMLElement} */ (links[next]).focus();
  return true;
}

function tick() {
  const box = document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]");
  /** @type {HTMLElement | null | undefined} */ (box)?.click();
  return box != null;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("select, textarea, input:not([type=checkbox], [type=radio])"));
}
