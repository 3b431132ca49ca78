// @ts-check
// Says that the connection is lost while it is, and shortly that it is back, with how much was missed and caught up.

import { html, useEffect, useState } from "../html.js";
import { connection, reconnectNow } from "../server/changes.js";
import { grouped } from "../text/money.js";

/** A break that mends itself at once is not worth a word. */
const GRACE_MS = 600;
const BACK_MS = 5_000;

export function Banner() {
  const { state, caughtUp } = connection.value;
  const [shown, setShown] = useState(/** @type {"nothing" | "lost" | "back"} */ ("nothing"));
  useEffect(() => {
    if (state === "lost") {
      const grace = setTimeout(() => setShown("lost"), GRACE_MS);
      return () => clearTimeout(grace);
    }
    if (state === "live" && shown === "lost") {
      setShown("back");
      setTimeout(() => setShown((now) => (now === "back" ? "nothing" : now)), BACK_MS);
    }
    return undefined;
  }, [state]);
  return html`<div class="banner-place" role="status" aria-live="polite">
    ${shown === "lost" &&
    html`<div class="banner banner-lost">
      <span><strong>Connection lost.</strong> What you see may be old. It goes on by itself, nothing is missed.</span>
      <button type="button" class="button" onClick=${reconnectNow}>Try now</button>
    </div>`}
    ${shown === "back" &&
    html`<div class="banner banner-back"><span><strong>Connected again.</strong> ${caughtUp === 0 ? "Nothing was missed." : `${grouped(caughtUp)} ${caughtUp === 1 ? "change" : "changes"} caught up.`}</span></div>`}
  </div>`;
}
