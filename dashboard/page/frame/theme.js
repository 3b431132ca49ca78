// @ts-check
// Light, dark, or as the system is. Kept in this browser; chosen-theme.js reads it before the first paint.

import { signal } from "../html.js";

/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "ordermill.theme";
/** @type {Record<Theme, Theme>} */
const NEXT = { system: "light", light: "dark", dark: "system" };

const chosen = document.documentElement.dataset.theme;

export const theme = signal(/** @type {Theme} */ (chosen === "light" || chosen === "dark" ? chosen : "system"));
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
/** Goes up whenever colours have changed, for what is drawn and not styled. */
export const repaint = signal(0);
systemIsDark.addEventListener("change", () => (repaint.value += 1));

/** Goes on to the next theme. */
export function switchTheme() {
  const next = NEXT[theme.value];
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is switched off: it holds until the page is closed.
  }
  repaint.value += 1;
}
