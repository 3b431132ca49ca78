// @ts-check
// JSON whose numbers keep the digits that the server wrote. JavaScript would read 22.20 as 22.2, and an amount of
// 90071992547409.91 as one a cent away; a number that JavaScript would not print in the same way stays a text here.

/** A string, or a number outside of one. Strings are matched so that digits within them are passed over. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Reads JSON; see above for its numbers.
 * @param {string} text
 * @returns {any}
 */
export function parseKeepingDigits(text) {
  return JSON.parse(text.replace(TOKEN, (token) => (token[0] === '"' || String(Number(token)) === token ? token : `"${token}"`)));
}
