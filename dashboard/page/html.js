// @ts-check
// The one place where the page's libraries come in: everything else imports them from here.

import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";

export { Fragment, render } from "./vendor/preact.mjs";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-hooks.mjs";
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "./vendor/signals.mjs";

/** Templates; whatever is put into them is text, never markup. */
export const html = htm.bind(h);
