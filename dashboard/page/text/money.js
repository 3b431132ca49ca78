// @ts-check
// Amounts as texts of decimal digits. Nothing here goes through a float: sums are made of BigInts.

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/**
 * The server's digits, grouped for the eye: 1234567.50 becomes 1,234,567.50. What is no decimal stays as it is.
 * @param {string | number} amount
 */
export function grouped(amount) {
  const found = DECIMAL.exec(String(amount));
  if (!found) return String(amount);
  const [, sign, whole, fraction] = found;
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${groups}${fraction === undefined ? "" : `.${fraction}`}`;
}

/** A decimal as an integer of units of 10^-scale. @typedef {{ units: bigint, scale: number }} Exact */

/** @param {string} text @returns {Exact | null} */
function exact(text) {
  const found = DECIMAL.exec(text.trim());
  if (!found) return null;
  const [, sign, whole, fraction = ""] = found;
  const digits = BigInt(whole + fraction);
  return { units: sign ? -digits : digits, scale: fraction.length };
}

/** @param {Exact} one @param {Exact} other @returns {Exact} */
function plus(one, other) {
  const scale = Math.max(one.scale, other.scale);
  const at = (/** @type {Exact} */ number) => number.units * 10n ** BigInt(scale - number.scale);
  return { units: at(one) + at(other), scale };
}

/** What a line costs: its total, or else quantity times price. @param {DraftAmounts} line @returns {Exact | null} */
function cost({ quantity, unit_price, total }) {
  if (total.trim() !== "") return exact(total);
  const [count, price] = [exact(quantity), exact(unit_price)];
  if (!count || !price) return null;
  // A quantity's trailing zeros are not digits of the amount: 2.000 pieces at 1.50 are 3.00.
  let { units, scale } = count;
  while (scale > 0 && units % 10n === 0n) {
    units /= 10n;
    scale -= 1;
  }
  return { units: units * price.units, scale: scale + price.scale };
}

/** @typedef {{ quantity: string, unit_price: string, total: string }} DraftAmounts */

/**
 * The sum of lines and of adjustments that are not included, exact; null while one is not filled in.
 * @param {DraftAmounts[]} lines
 * @param {{ amount: string, included: boolean }[]} [adjustments]
 * @returns {string | null}
 */
export function total(lines, adjustments = []) {
  /** @type {Exact} */
  let sum = { units: 0n, scale: 0 };
  const added = adjustments.filter(({ included }) => !included).map(({ amount }) => exact(amount));
  for (const part of [...lines.map(cost), ...added]) {
    if (!part) return null;
    sum = plus(sum, part);
  }
  return withPoint(sum.units, sum.scale);
}

/**
 * @param {bigint} value
 * @param {number} scale
 */
function withPoint(value, scale) {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const sign = value < 0n ? "-" : "";
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
