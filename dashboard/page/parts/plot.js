// @ts-check
// A line of numbers over the last minutes, drawn by uPlot on a canvas. What it shows is also said in words, for whoever does
// not see it; colours are the page's own, in both themes.

import { html, useEffect, useRef } from "../html.js";
import uPlot from "../vendor/uplot.mjs";
import { repaint } from "../frame/theme.js";

const HEIGHT = 168;

/** @typedef {{ label: string, tint: string, isFilled?: boolean, isStepped?: boolean, isDashed?: boolean }} Series */

/**
 * @param {{ label: string, series: Series[], data: () => any[], tick: number, least?: number }} props `tick` goes up when there is
 * something new; `least` is what the scale reaches at least.
 */
export function Plot({ label, series, data, tick, least = 4 }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const painted = repaint.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const drawn = new uPlot(options(element, series, least), data(), element);
    plot.current = drawn;
    const resizing = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      drawn.destroy();
    };
  }, [painted]);
  useEffect(() => plot.current?.setData(data()), [tick]);
  return html`<div ref=${place} class="plot" role="img" aria-label=${label}></div>`;
}

/**
 * @param {HTMLElement} element
 * @param {Series[]} series
 * @param {number} least
 * @returns {uPlot.Options}
 */
function options(element, series, least) {
  const faint = tintOf(element, "--ink-3");
  const grid = { stroke: tintOf(element, "--line"), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const steps = series.some((one) => one.isStepped) ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: { x: { time: true }, y: { range: (_, __, top) => [0, Math.max(least, top * 1.15)] } },
    axes: [
      { stroke: faint, font, grid: { show: false }, ticks: { show: false }, size: 26, space: 90, values: (_, at, __, ___, step) => at.map((seconds) => clock(seconds, step < 60)) },
      { stroke: faint, font, grid, ticks: { show: false }, size: 44, space: 36, values: (_, at) => at.map(short) },
    ],
    series: [
      {},
      ...series.map(({ label, tint, isFilled, isDashed }) => {
        const colour = tintOf(element, tint);
        return { label, stroke: colour, width: 1.5, points: { show: false }, dash: isDashed ? [3, 3] : undefined, paths: steps, fill: isFilled ? transparent(colour) : undefined };
      }),
    ],
  };
}

/**
 * @param {number} seconds
 * @param {boolean} isFine
 */
function clock(seconds, isFine) {
  const at = new Date(seconds * 1000);
  const parts = [at.getHours(), at.getMinutes(), ...(isFine ? [at.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** @param {number} value */
function short(value) {
  if (!Number.isInteger(value)) return "";
  if (value < 1_000) return String(value);
  return value < 1_000_000 ? `${value / 1_000}k` : `${value / 1_000_000}M`;
}

/** What a tint of the style sheet is at present: a custom property alone would still say both of its themes. @param {HTMLElement} element @param {string} name */
function tintOf(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** @param {string} colour */
const transparent = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", 0.12)");
