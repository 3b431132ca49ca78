// Digits, sums and times, by themselves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseKeepingDigits } from "../page/text/decimal_json.js";
import { grouped, total } from "../page/text/money.js";
import { shortTime, span, toUtc } from "../page/text/time.js";

test("numbers keep the digits that the server wrote", () => {
  for (const [json, shown] of [
    ["22.20", "22.20"],
    ["149.99", "149.99"],
    ["90071992547409.91", "90071992547409.91"],
    ["9007199254740991", "9007199254740991"],
    ["9007199254740993", "9007199254740993"],
    ["0.100", "0.100"],
    ["0", "0"],
    ["-0", "-0"],
    ["1e2", "1e2"],
  ]) {
    assert.equal(String(parseKeepingDigits(`{"a":[${json}]}`).a[0]), shown);
  }
});

test("whole numbers stay numbers, and texts are left alone", () => {
  const text = `{"quantity":2,"name":"costs 1.50 \\"and\\\\ 2.0","key 3.10":{"deep":[1.50,null,true,"1.50"]}}`;
  assert.deepEqual(parseKeepingDigits(text), { quantity: 2, name: 'costs 1.50 "and\\ 2.0', "key 3.10": { deep: ["1.50", null, true, "1.50"] } });
  assert.deepEqual(parseKeepingDigits(' "x" '), "x");
  assert.throws(() => parseKeepingDigits("{"), SyntaxError);
});

test("amounts are grouped and nothing else", () => {
  for (const [amount, shown] of [
    ["1234567.50", "1,234,567.50"],
    ["999.00", "999.00"],
    [1000, "1,000"],
    ["90071992547409.91", "90,071,992,547,409.91"],
    ["0.001", "0.001"],
    ["-1234", "-1,234"],
    ["n/a", "n/a"],
  ]) {
    assert.equal(grouped(amount), shown);
  }
});

test("sums are exact where floats are not", () => {
  const line = (quantity, unit_price, total = "") => ({ quantity, unit_price, total });
  assert.equal(total([line("3", "0.1"), line("1", "0.2")]), "0.5");
  assert.equal(total([line("1", "90071992547409.90"), line("1", "0.01")]), "90071992547409.91");
  assert.equal(total([line("2", "149.99"), line("1", "9.5")]), "309.48");
  assert.equal(total([line("1000000", "0.001")]), "1000.000");
  assert.equal(total([line("2", "5")]), "10");
  assert.equal(total([]), "0");
  for (const unfinished of [line("", "1"), line("1", ""), line("1", "", "x"), line("1", "1,5"), line("x", "1"), line("1", "1.")]) {
    assert.equal(total([unfinished]), null);
  }
  assert.equal(total([line("6", "1.85")]), "11.10");
  assert.equal(total([line("0.485", "19.90", "9.65"), line("3", "", "20.00")]), "29.65");
  assert.equal(total([line("0.5", "3")]), "1.5");
  assert.equal(total([line("2.000", "1.50")]), "3.00");
  const added = (amount, included = false) => ({ amount, included });
  assert.equal(total([line("1", "10.00")], [added("-2.50"), added("4.90"), added("1.90", true)]), "12.40");
  assert.equal(total([line("1", "1.00")], [added("-2.5")]), "-1.50");
  assert.equal(total([line("1", "1.00")], [added("")]), null);
});

test("times and spans are short", () => {
  const now = new Date("2026-01-31T12:00:00");
  assert.equal(shortTime("2026-01-31T09:05:07", now), "09:05:07");
  assert.equal(shortTime("2026-01-30T09:05:07", now), "30 Jan 09:05:07");
  assert.equal(shortTime("2025-01-30T09:05:07", now), "30 Jan 2025 09:05:07");
  assert.deepEqual([7, 1_300, 42_000, 250_000, 7_500_000, 300_000_000, -5].map(span), ["7 ms", "1.3 s", "42 s", "4 min 10 s", "2 h 5 min", "3 d 11 h", "0 ms"]);
  assert.equal(toUtc(""), "");
  assert.equal(toUtc("2026-01-31T12:00"), new Date("2026-01-31T12:00").toISOString());
});
