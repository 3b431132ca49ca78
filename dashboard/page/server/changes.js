// @ts-check
// The live connection: one WebSocket that follows every order. It comes back by itself with the cursor of the last change
// that it saw, so that a break misses nothing. Changes are handed on once a frame, all of the frame's together, so that
// thousands a second cost one pass. It never asks for an order: whoever listens decides what to read.

import { signal } from "../html.js";

/** @typedef {"connecting" | "live" | "lost"} ConnectionState */

/** Where the connection stands. `caughtUp` counts what came in after the last break. */
export const connection = signal(/** @type {{ state: ConnectionState, caughtUp: number }} */ ({ state: "connecting", caughtUp: 0 }));

/** Goes up whenever what is shown has to be read anew: a first connection, a return, a gap that cannot be filled. */
export const epoch = signal(0);

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;
/** So many changes are handed on at once even where no frame comes, so that what waits stays bounded. */
const MOST_WAITING = 4_000;
/** How often a page in the background, which gets no frames, hands on what came. */
const BACKGROUND_MS = 500;

/** @type {Set<(changes: Change[]) => void>} */
const listeners = new Set();
/** @type {Change[]} */
let waiting = [];
let isScheduled = false;

/** @type {WebSocket | null} */
let socket = null;
/** @type {string | null} */
let cursor = null;
let wait_ms = FIRST_WAIT_MS;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
let caughtUp = 0;

/**
 * Hears every change, in order. Returns how to stop.
 * @param {(changes: Change[]) => void} listener
 */
export function onChanges(listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Begins to follow. To be called once. */
export function follow() {
  open();
  addEventListener("online", reconnectNow);
}

/** Tries again at once, where the connection is lost. */
export function reconnectNow() {
  if (connection.value.state === "lost") open();
}

/** The server does not answer elsewhere: a socket that still looks open is not trusted any more. */
export function distrust() {
  if (connection.value.state === "live") lost();
}

function open() {
  clearTimeout(retry);
  drop();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}/ws`);
  socket = opened;
  caughtUp = 0;
  opened.onopen = subscribe;
  opened.onmessage = (message) => take(JSON.parse(message.data));
  opened.onclose = lost;
}

function subscribe() {
  const start = cursor === null ? {} : { cursor };
  socket?.send(JSON.stringify({ subscribe: { all: true, ...start } }));
}

/** @param {any} frame */
function take(frame) {
  if (frame.order_id !== undefined) {
    cursor = frame.cursor;
    caughtUp += connection.value.state === "live" ? 0 : 1;
    hand(frame);
  } else if (frame.subscribed) {
    cursor = frame.subscribed.cursor;
    joined();
  } else if (frame.resync) {
    cursor = frame.resync.cursor;
    epoch.value += 1;
  } else if (frame.reconnect) {
    cursor = frame.reconnect.cursor;
  } else if (frame.error) {
    if (frame.error.code === "invalid_cursor") cursor = null;
    // It says that nothing was skipped: the same subscription, a little later.
    setTimeout(subscribe, 1_000);
  }
}

function joined() {
  wait_ms = FIRST_WAIT_MS;
  // Even where nothing was missed, requests may have failed meanwhile.
  epoch.value += 1;
  connection.value = { state: "live", caughtUp };
}

function lost() {
  drop();
  if (connection.value.state !== "lost") connection.value = { state: "lost", caughtUp: 0 };
  // Spread, so that all pages of a restarted server do not come back in the same moment.
  const wait = wait_ms * (0.5 + Math.random() / 2);
  wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS);
  retry = setTimeout(open, wait);
}

/** Lets go of the socket without waiting for its goodbye, which a dead connection never says. */
function drop() {
  clearTimeout(retry);
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
  socket = null;
}

/** @param {Change} change */
function hand(change) {
  waiting.push(change);
  if (waiting.length >= MOST_WAITING) {
    handOn();
  } else if (!isScheduled) {
    isScheduled = true;
    if (document.hidden) setTimeout(handOn, BACKGROUND_MS);
    else requestAnimationFrame(handOn);
  }
}

function handOn() {
  isScheduled = false;
  const changes = waiting;
  waiting = [];
  if (changes.length > 0) for (const listener of listeners) listener(changes);
}

// A frame that was asked for just before the page went into the background would come much later.
document.addEventListener("visibilitychange", handOn);
