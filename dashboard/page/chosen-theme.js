// @ts-check
// Runs before the page is painted, so that a chosen theme does not flash through the other one. frame/theme.js changes it.
try {
  const chosen = localStorage.getItem("ordermill.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system's theme it is.
}
