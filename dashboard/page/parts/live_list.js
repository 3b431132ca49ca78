// @ts-check
// A page of orders that stays true: what is shown is patched with every change at once, and read anew soon after one that
// may move, add or remove a row. Reading is paced, so that a flood of changes costs a few requests a second, and the last
// change is always followed by one. At most one page of rows is ever kept.

import { batch, html, signal } from "../html.js";
import { epoch, onChanges } from "../server/changes.js";
import { Refused, read } from "../server/requests.js";

/** The least time between two readings. */
const PACE_MS = 500;
/** Changes come in small groups: the few that follow a first one are read with it. */
const SOON_MS = 40;
/** And at least so many times as long as a reading takes, so that a search that looks far is not repeated all the time. */
const PACE_OF_DURATION = 4;
/** A search that finds little asks so often before it says so; each time the server looks at thousands of orders. */
const MOST_REQUESTS = 20;

export class LiveList {
  rows = signal(/** @type {Order[]} */ ([]));
  /** Nothing was read yet. */
  isLoading = signal(true);
  refused = signal(/** @type {Refused | null} */ (null));
  next = signal(/** @type {string | null} */ (null));
  page = signal(1);

  /** Where the pages so far began. @type {(string | null)[]} */
  #begins = [null];
  /** @type {Map<string, Change>} */
  #changed = new Map();
  /** @type {AbortController | null} */
  #reading = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #planned;
  #duration_ms = 0;
  #ended = -Infinity;
  /** A change came while a reading was under way, which may have missed it. */
  #isStale = false;
  /** @type {(() => void)[]} */
  #stops;

  /**
   * @param {string} path
   * @param {Record<string, string>} query
   * @param {{ size: number, concerns?: (change: Change) => boolean }} options `concerns` says which changes of orders that are
   * not shown can matter to the first page.
   */
  constructor(path, query, { size, concerns = () => true }) {
    this.path = path;
    this.query = query;
    this.size = size;
    this.concerns = concerns;
    this.#stops = [
      onChanges((changes) => this.#hear(changes)),
      // Called at once, too: this is what reads the list for the first time.
      epoch.subscribe(() => this.#plan(0)),
    ];
  }

  /** Stops following; to be called when the list is shown no more. */
  dispose() {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#planned);
    this.#reading?.abort();
  }

  older() {
    const next = this.next.value;
    if (next) this.#turn([...this.#begins, next]);
  }

  newer() {
    if (this.#begins.length > 1) this.#turn(this.#begins.slice(0, -1));
  }

  newest() {
    this.#turn([null]);
  }

  again() {
    this.#plan(0);
  }

  /** @param {(string | null)[]} begins */
  #turn(begins) {
    this.#begins = begins;
    this.#reading?.abort();
    this.#reading = null;
    this.#plan(0);
  }

  /** @param {Change[]} changes */
  #hear(changes) {
    const shown = new Map(this.rows.peek().map((order, index) => [order.id, index]));
    let rows = null;
    let mayMove = false;
    for (const change of changes) {
      const index = shown.get(change.order_id);
      if (index === undefined) {
        // A reading under way may bring this very order, as it stood before.
        mayMove ||= this.#reading !== null || (this.#begins.length === 1 && this.concerns(change));
        continue;
      }
      mayMove = true;
      const order = (rows ?? this.rows.peek())[index];
      if (change.version <= order.version) continue;
      this.#changed.set(change.order_id, change);
      rows ??= [...this.rows.peek()];
      rows[index] = patched(order, change);
    }
    if (rows) this.rows.value = rows;
    if (mayMove) this.#plan(this.#wait_ms());
  }

  /** At rest a change is followed soon; in a flood the readings keep their pace. */
  #wait_ms() {
    const pace = Math.max(PACE_MS, this.#duration_ms * PACE_OF_DURATION);
    return Math.max(SOON_MS, this.#ended + pace - performance.now());
  }

  /** @param {number} wait_ms */
  #plan(wait_ms) {
    if (this.#reading) {
      this.#isStale = true;
      return;
    }
    if (wait_ms === 0) clearTimeout(this.#planned);
    else if (this.#planned !== undefined) return;
    this.#planned = setTimeout(() => this.#read(), wait_ms);
  }

  async #read() {
    this.#planned = undefined;
    this.#isStale = false;
    const reading = new AbortController();
    this.#reading = reading;
    const began = performance.now();
    try {
      const { rows, next } = await this.#collect(reading.signal);
      batch(() => {
        this.rows.value = rows.map((order) => {
          const change = this.#changed.get(order.id);
          return change && change.version > order.version ? patched(order, change) : order;
        });
        this.next.value = next;
        this.page.value = this.#begins.length;
        this.refused.value = null;
        this.isLoading.value = false;
      });
      this.#changed.clear();
    } catch (error) {
      if (reading.signal.aborted) return;
      batch(() => {
        this.refused.value = error instanceof Refused ? error : new Refused(String(error));
        this.isLoading.value = false;
      });
    }
    if (this.#reading !== reading) return;
    this.#reading = null;
    this.#ended = performance.now();
    this.#duration_ms = this.#ended - began;
    if (this.#isStale) this.#plan(this.#wait_ms());
  }

  /**
   * The server looks at a bounded number of orders for a page, which may then be short: goes on until the page is full.
   * @param {AbortSignal} signal
   */
  async #collect(signal) {
    /** @type {Order[]} */
    const rows = [];
    let cursor = this.#begins[this.#begins.length - 1];
    for (let requests = 0; requests < MOST_REQUESTS; requests += 1) {
      /** @type {Page<Order>} */
      const page = await read(this.path, { ...this.query, limit: this.size - rows.length, cursor }, signal);
      rows.push(...page.data);
      cursor = page.next_cursor;
      if (!page.has_more || rows.length >= this.size) break;
    }
    return { rows, next: cursor };
  }
}

/**
 * The order after a change. An erased order keeps its last status until the list is read again without it.
 * @param {Order} order
 * @param {Change} change
 * @returns {Order}
 */
function patched(order, change) {
  return { ...order, status: change.status ?? order.status, version: change.version, updated_at: change.occurred_at };
}

/** @param {{ list: LiveList }} props */
export function Pager({ list }) {
  const page = list.page.value;
  if (page === 1 && !list.next.value) return null;
  return html`<nav class="pager" aria-label="Pages">
    <button type="button" class="button" disabled=${page === 1} onClick=${() => list.newest()}>Newest</button>
    <button type="button" class="button" disabled=${page === 1} onClick=${() => list.newer()}>Newer</button>
    <span class="pager-place" aria-live="polite">Page ${page}</span>
    <button type="button" class="button" disabled=${!list.next.value} onClick=${() => list.older()}>Older</button>
  </nav>`;
}
