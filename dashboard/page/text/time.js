// @ts-check
// Times as people read them, in the browser's own zone; the exact UTC time stays in the element's title.

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/**
 * 14:05:09 today, 3 Mar 14:05:09 otherwise.
 * @param {string} iso
 * @param {Date} [now]
 */
export function shortTime(iso, now = new Date()) {
  const at = new Date(iso);
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  return `${(at.getFullYear() === now.getFullYear() ? day : dayOfYear).format(at)} ${clock.format(at)}`;
}

/**
 * With the day and the milliseconds, for a timeline.
 * @param {string} iso
 */
export function exactTime(iso) {
  const at = new Date(iso);
  return `${dayOfYear.format(at)}, ${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * How long something took: 7 ms, 1.3 s, 4 min 10 s, 2 h 5 min, 3 d 4 h.
 * @param {number} ms
 */
export function span(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * What a date-and-time field says, as the server wants it; empty where it says nothing.
 * @param {string} local
 */
export function toUtc(local) {
  const at = new Date(local);
  return local && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}
