// @ts-check
// How many orders stand where, and how the server is, asked for at a steady pace; the last minutes are kept for a plot.
// It is also what notices a dead connection that no socket reports.

import { signal } from "../html.js";
import { distrust, epoch } from "./changes.js";
import { WINDOW_SECONDS, heardTime, serverNow, windowBegin } from "./pulse.js";
import { readWithDate } from "./requests.js";

const STATS_MS = 1_000;
const BACKGROUND_MS = 10_000;
const HEALTH_EACH = 5;
const PATIENCE_MS = 4_000;

/** @type {import("../vendor/signals.mjs").Signal<Stats | null>} */
export const stats = signal(/** @type {Stats | null} */ (null));
/** @type {import("../vendor/signals.mjs").Signal<Health | null>} */
export const health = signal(/** @type {Health | null} */ (null));

/** What is not as it should be, as the server said last. @type {import("../vendor/signals.mjs").Signal<HealthReason[]>} */
export const reasons = signal(/** @type {HealthReason[]} */ ([]));

/** @type {{ at: number, waiting: number, working: number }[]} */
const samples = [];

/**
 * The queue's depth for a plot: times in seconds, then orders that wait, then orders at work. `null` where nobody looked.
 * @returns {[number[], (number | null)[], (number | null)[]]}
 */
export function queueHistory() {
  const begin = windowBegin();
  const known = samples.filter(({ at }) => at > begin);
  return [
    [begin, ...known.map(({ at }) => at)],
    [null, ...known.map(({ waiting }) => waiting)],
    [null, ...known.map(({ working }) => working)],
  ];
}

/** Begins to ask. To be called once. */
export function askForStanding() {
  let round = 0;
  let failures = 0;
  let isAsking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    clearTimeout(again);
    let isAnswered = true;
    try {
      const asked = await readWithDate("/v1/stats", { patience_ms: PATIENCE_MS });
      heardTime(asked.date);
      keep(asked.body);
      failures = 0;
      // The server has fallen ill or become well: its health says more.
      if (asked.body.degraded === (health.value?.status === "healthy")) round = 0;
    } catch (error) {
      failures += 1;
      round = 0;
      // A server that refuses is there, and its health says why; only one that says nothing at all is gone.
      isAnswered = /** @type {{ status?: number }} */ (error).status !== 0;
      if (failures >= 2 && !isAnswered) distrust();
    }
    if (isAnswered && round % HEALTH_EACH === 0) keepHealth(await readHealth());
    round += 1;
    isAsking = false;
    again = setTimeout(ask, document.hidden ? BACKGROUND_MS : STATS_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  epoch.subscribe(() => {
    ask();
  });
}

/** A server without its store answers 503, with the same document. `null` where nothing came. */
async function readHealth() {
  try {
    const response = await fetch("/health", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return /** @type {Health} */ (await response.json());
  } catch {
    return null;
  }
}

/** @param {Health | null} now */
function keepHealth(now) {
  if (!now) return;
  health.value = now;
  reasons.value = now.reasons;
}

/** @param {Stats} counts */
function keep(counts) {
  stats.value = counts;
  reasons.value = counts.reasons;
  const { PENDING, RETRYING, PROCESSING } = counts.by_status;
  samples.push({ at: serverNow() / 1000, waiting: PENDING + RETRYING, working: PROCESSING });
  if (samples.length > WINDOW_SECONDS + 10) samples.shift();
}
