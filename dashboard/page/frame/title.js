// @ts-check
// The heading of a view: names the browser's tab, and takes the focus where one has come by a link, so that the keyboard
// and a screen reader begin where the eye does.

import { html, useEffect, useRef } from "../html.js";

let isFirstView = true;

/** @param {{ text: string, children?: any, aside?: any }} props */
export function Title({ text, children, aside }) {
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  useEffect(() => {
    document.title = `${text} · ordermill`;
  }, [text]);
  useEffect(() => {
    if (!isFirstView) heading.current?.focus({ preventScroll: true });
    isFirstView = false;
    scrollTo(0, 0);
  }, []);
  return html`<div class="title">
    <h1 ref=${heading} tabindex="-1">${text}</h1>
    ${aside}
    <div class="title-actions">${children}</div>
  </div>`;
}
