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

/**
 * The sum of quantity times price, exact; null where a line is not filled in yet.
 * @param {{ quantity: string, unit_price: string }[]} lines
 * @returns {string | null}
 */
export function total(lines) {
  let scale = 0;
  /** @type {{ quantity: bigint, digits: string, fraction: number }[]} */
  const read = [];
  for (const { quantity, unit_price } of lines) {
    const price = DECIMAL.exec(unit_price.trim());
    if (!price || !/^\d{1,9}$/.test(quantity.trim())) return null;
    const fraction = price[3] ?? "";
    scale = Math.max(scale, fraction.length);
    read.push({ quantity: BigInt(quantity.trim()), digits: price[1] + price[2] + fraction, fraction: fraction.length });
  }
  const sum = read.reduce((sum, line) => sum + line.quantity * BigInt(line.digits) * 10n ** BigInt(scale - line.fraction), 0n);
  return withPoint(sum, scale);
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

/**
 * What a line comes to.
 * @param {number | string} quantity
 * @param {number | string} unit_price
 */
export function lineTotal(quantity, unit_price) {
  return total([{ quantity: String(quantity), unit_price: String(unit_price) }]) ?? "";
}
