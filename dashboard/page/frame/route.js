// @ts-check
// Where in the page one is: the part of the address behind the #, so that every view can be linked, kept and gone back to,
// and no address reaches the server.

import { computed, signal } from "../html.js";

const here = signal(location.hash);
addEventListener("hashchange", () => (here.value = location.hash));

/** The path as its segments, and what is asked for behind the ?. */
export const route = computed(() => {
  const [path, query = ""] = here.value.replace(/^#\/?/, "").split("?", 2);
  return { segments: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
});

/** @param {string} segment */
function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * The address of a view.
 * @param {string[]} segments
 * @param {Record<string, string>} [query] Empty ones are left out.
 */
export function address(segments, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "");
  const path = `#/${segments.map(encodeURIComponent).join("/")}`;
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs)}`;
}

/** @param {string} where */
export function go(where) {
  location.hash = where;
}

/**
 * The same view with other conditions: no step of its own in the browser's history.
 * @param {string} where
 */
export function adjust(where) {
  history.replaceState(null, "", where);
  here.value = location.hash;
}
