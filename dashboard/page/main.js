// @ts-check
// Begins: draws the page, follows the changes, asks how things stand, listens to the keyboard.

import { html, render } from "./html.js";
import { listenForShortcuts } from "./frame/shortcuts.js";
import { Shell } from "./frame/shell.js";
import { follow } from "./server/changes.js";
import { countPulse } from "./server/pulse.js";
import { askForStanding } from "./server/standing.js";

countPulse();
follow();
askForStanding();
listenForShortcuts();
render(html`<${Shell} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
