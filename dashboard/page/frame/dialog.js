// @ts-check
// The one dialog of the page: a question with its consequences, or a page of help. The browser's own modal dialog, so that
// the keyboard stays within it and returns to where it was.

import { html, signal, useEffect, useRef, useState } from "../html.js";
import { Refused } from "../server/requests.js";
import { Trouble } from "../parts/trouble.js";

/**
 * @typedef {{
 *   title: string,
 *   body: any,
 *   confirm?: string,
 *   isDestructive?: boolean,
 *   run?: () => Promise<void>,
 * }} Question
 */

/** @type {import("../vendor/signals.mjs").Signal<Question | null>} */
const question = signal(/** @type {Question | null} */ (null));

/**
 * Asks. `run` is called once it is confirmed; the dialog closes when it is through, and shows what went wrong if it fails.
 * @param {Question} asked
 */
export function ask(asked) {
  question.value = asked;
}

export const isAsking = () => question.value !== null;

export function Dialog() {
  const asked = question.value;
  return asked && html`<${Asked} key=${asked} asked=${asked} />`;
}

/** @param {{ asked: Question }} props */
function Asked({ asked }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [isRunning, setRunning] = useState(false);
  const [refused, setRefused] = useState(/** @type {Refused | null} */ (null));
  useEffect(() => {
    element.current?.showModal();
  }, []);
  const close = () => element.current?.close();
  // What was asked about is not there any more: the same answer again would be refused again.
  const isOver = !asked.run || refused?.status === 412;
  const confirm = async () => {
    setRunning(true);
    setRefused(null);
    try {
      await asked.run?.();
      close();
    } catch (error) {
      setRefused(error instanceof Refused ? error : new Refused(String(error)));
    }
    setRunning(false);
  };
  return html`<dialog
    ref=${element}
    class="dialog"
    aria-labelledby="dialog-title"
    onClose=${() => (question.value = null)}
    onCancel=${(/** @type {Event} */ event) => isRunning && event.preventDefault()}
  >
    <h2 id="dialog-title">${asked.title}</h2>
    <div class="dialog-body">${asked.body}</div>
    ${refused && html`<${Trouble} refused=${refused} />`}
    <div class="dialog-actions">
      <button type="button" class="button" disabled=${isRunning} onClick=${close} autofocus=${asked.isDestructive || isOver}>
        ${isOver ? "Close" : "Keep as it is"}
      </button>
      ${!isOver &&
      html`<button
        type="button"
        class="button ${asked.isDestructive ? "button-danger" : "button-main"}"
        disabled=${isRunning}
        onClick=${confirm}
        autofocus=${!asked.isDestructive}
      >
        ${isRunning ? "Working…" : asked.confirm}
      </button>`}
    </div>
  </dialog>`;
}
