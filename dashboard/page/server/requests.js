// @ts-check
// Every request of the page to its server, and what can come of one. Pages call it; it never decides what is shown.

import { parseKeepingDigits } from "../text/decimal_json.js";

/** How long a request may take before it counts as lost; longer than the server's own deadline. */
const PATIENCE_MS = 15_000;

/** A refusal, as the server's problem document says it, or the loss of the answer. */
export class Refused extends Error {
  /**
   * @param {string} title
   * @param {Partial<Problem>} problem
   */
  constructor(title, problem = {}) {
    super(title);
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "no_answer";
    this.detail = problem.detail ?? "";
    this.faults = problem.errors ?? [];
    this.requestId = problem.request_id ?? "";
  }

  /** Whether it is open if the server did what was asked: the answer was lost, or the server does not know either. */
  get isUnknown() {
    return this.status === 0 || this.status >= 500;
  }

  get isNotFound() {
    return this.status === 404;
  }
}

/**
 * @param {string} path
 * @param {RequestInit & { patience_ms?: number }} [options]
 * @returns {Promise<{ headers: Headers, text: string, status: number }>}
 */
async function ask(path, { patience_ms = PATIENCE_MS, signal, ...options } = {}) {
  const patience = AbortSignal.timeout(patience_ms);
  let response;
  let text;
  try {
    response = await fetch(path, {
      ...options,
      cache: "no-store",
      signal: signal ? AbortSignal.any([patience, signal]) : patience,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused("The server did not answer", { detail: "The connection was lost, or the server took too long." });
  }
  if (response.ok) return { headers: response.headers, text, status: response.status };
  throw refusal(response.status, text);
}

/**
 * @param {number} status
 * @param {string} text
 */
function refusal(status, text) {
  try {
    const problem = JSON.parse(text);
    return new Refused(problem.title ?? `Status ${status}`, { ...problem, status });
  } catch {
    return new Refused(`The server answered with status ${status}`, { status, code: "unreadable", detail: text.slice(0, 200) });
  }
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] Empty ones are left out.
 * @param {AbortSignal} [signal]
 */
export async function read(path, query = {}, signal) {
  const { text } = await ask(withQuery(path, query), { signal, headers: { accept: "application/json" } });
  return parseKeepingDigits(text);
}

/**
 * @param {string} path
 * @param {{ patience_ms?: number }} [options]
 */
export async function readWithDate(path, options = {}) {
  const { text, headers } = await ask(path, { ...options, headers: { accept: "application/json" } });
  return { body: JSON.parse(text), date: Date.parse(headers.get("date") ?? "") };
}

/** @param {string} path */
export async function readText(path) {
  return (await ask(path, { headers: { accept: "text/plain" } })).text;
}

/**
 * @param {string} path
 * @param {string} [body]
 * @param {Record<string, string>} [headers]
 */
export async function send(path, body, headers = {}) {
  /** @type {Record<string, string>} */
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await ask(path, { method: "POST", body, headers: { accept: "application/json", ...type, ...headers } });
  return { body: parseKeepingDigits(answer.text), status: answer.status, headers: answer.headers };
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} query
 */
function withQuery(path, query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (pairs.length === 0) return path;
  return `${path}?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}

/**
 * A key for one order, whatever is retried. Not randomUUID: browsers have it only over TLS and on loopback.
 */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
