// @ts-check
// How many orders came in, were done and failed in each second of the last minutes, counted from the live changes by the
// server's own times. It never asks the server.

import { signal } from "../html.js";
import { connection, onChanges } from "./changes.js";

/** How far back is remembered. */
export const WINDOW_SECONDS = 300;
/** And how much a plot shows at least. */
const LEAST_SECONDS = 60;
/** Rates are shown as the mean of so many seconds, which is calm enough to read. */
const MEAN_OF_SECONDS = 5;

/** @typedef {{ accepted: number, processed: number, failed: number }} Second */

/** @type {Map<number, Second>} */
const seconds = new Map();
/** How far the server's clock is ahead of this one: at least this, by whatever the server said last. */
let ahead_ms = -Infinity;

/** Before it nothing was counted: the second in which the first connection stood. */
let since = Infinity;

/** Goes up once a second, when the counts have moved on. */
export const tick = signal(0);

/** The server's time now, as far as it is known. */
export function serverNow() {
  return Date.now() + (Number.isFinite(ahead_ms) ? ahead_ms : 0);
}

/**
 * The server said that it was `time_ms` there, now or a little before.
 * @param {number} time_ms
 */
export function heardTime(time_ms) {
  if (Number.isFinite(time_ms)) ahead_ms = Math.max(ahead_ms, time_ms - Date.now());
}

/** @param {Change[]} changes */
function count(changes) {
  heardTime(Date.parse(changes[changes.length - 1].occurred_at));
  for (const change of changes) {
    const kind = kindOf(change);
    if (!kind) continue;
    const second = Math.floor(Date.parse(change.occurred_at) / 1000);
    let counts = seconds.get(second);
    if (!counts) seconds.set(second, (counts = { accepted: 0, processed: 0, failed: 0 }));
    counts[kind] += 1;
  }
}

/**
 * @param {Change} change
 * @returns {keyof Second | null}
 */
function kindOf(change) {
  if (change.version === 1) return "accepted";
  if (change.status === "PROCESSED") return "processed";
  return change.status === "FAILED" ? "failed" : null;
}

/**
 * The rates of now, a second.
 * @returns {Second}
 */
export function rates() {
  const last = Math.floor(serverNow() / 1000) - 1;
  const sum = { accepted: 0, processed: 0, failed: 0 };
  for (let second = last - MEAN_OF_SECONDS + 1; second <= last; second += 1) add(sum, seconds.get(second));
  return {
    accepted: sum.accepted / MEAN_OF_SECONDS,
    processed: sum.processed / MEAN_OF_SECONDS,
    failed: sum.failed / MEAN_OF_SECONDS,
  };
}

/**
 * The window for a plot: times in seconds, then a row each of processed, accepted and failed.
 * `null` from before this page looked.
 * @returns {[number[], ...(number | null)[][]]}
 */
export function history() {
  const last = Math.floor(serverNow() / 1000) - 1;
  /** @type {[number[], ...(number | null)[][]]} */
  const rows = [[], [], [], []];
  for (let second = windowBegin(); second <= last; second += 1) {
    const counts = seconds.get(second);
    const none = second < since ? null : 0;
    rows[0].push(second);
    rows[1].push(counts?.processed ?? none);
    rows[2].push(counts?.accepted ?? none);
    rows[3].push(counts?.failed ?? none);
  }
  return rows;
}

/**
 * @param {Second} sum
 * @param {Second | undefined} more
 */
function add(sum, more) {
  if (!more) return;
  sum.accepted += more.accepted;
  sum.processed += more.processed;
  sum.failed += more.failed;
}

function forget() {
  const oldest = Math.floor(serverNow() / 1000) - WINDOW_SECONDS - 5;
  for (const second of seconds.keys()) if (second < oldest) seconds.delete(second);
}

/** Where plots begin: a page that was opened just now shows its minute, not four empty ones before it. */
export function windowBegin() {
  const now = Math.floor(serverNow() / 1000);
  return Math.max(now - WINDOW_SECONDS, Math.min(since, now - LEAST_SECONDS));
}

/** Begins to count. To be called once. */
export function countPulse() {
  onChanges(count);
  setInterval(() => {
    if (connection.value.state === "live") since = Math.min(since, Math.floor(serverNow() / 1000));
    forget();
    tick.value += 1;
  }, 1_000);
}
