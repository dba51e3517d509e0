// Numbers -> canvas: waveform, picture, map, bands, pitch curve, each with axes in s, Hz or logits. Asks and keeps nothing.
import { number, t } from "../strings.js";

const MAGMA = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
const SIGNED = [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]]; // blue below 0, red above
const OVER = 0.6; // how much of the grey picture the map hides
const FONT = 12;

/** @typedef {{pen: CanvasRenderingContext2D, left: number, top: number, width: number, height: number}} Area  px, within the axes */
/** @typedef {{at: number, text: string}} Tick  at : share of the axis */
/** @typedef {(value: number) => number[]} Paint  red, green, blue, 0 to 255 */
/** @typedef {{values: number[][], edges: {rows: number[], columns: number[]}}} Map  edges : shares of the picture, row 0 lowest */

/** A colour of style.css. @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {number[][]} colours @param {number} share */
function between(colours, share) {
  const place = Math.min(1, Math.max(0, share)) * (colours.length - 1);
  const first = Math.min(Math.floor(place), colours.length - 2);
  return colours[first].map((low, i) => low + (place - first) * (colours[first + 1][i] - low));
}

const magma = (/** @type {number} */ share) => between(MAGMA, share);

/** A canvas ready to draw on, in CSS pixels, with room for axes. @param {HTMLCanvasElement} canvas @returns {Area} */
function sheet(canvas, { left = 72, right = 12, top = 10, bottom = 40 } = {}) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `${FONT}px system-ui, sans-serif`;
  return { pen, left, top, width: Math.max(1, width - left - right), height: Math.max(1, height - top - bottom) };
}

/** @param {Area} area @param {{x: Tick[], y: Tick[], xTitle: string, yTitle: string}} how */
function axes({ pen, left, top, width, height }, { x, y, xTitle, yTitle }) {
  pen.strokeStyle = pen.fillStyle = colour("dim");
  pen.lineWidth = 1;
  pen.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const { at, text } of x) {
    pen.fillRect(left + at * width, top + height, 1, 4);
    pen.fillText(text, left + at * width, top + height + 6);
  }
  pen.fillText(xTitle, left + width / 2, top + height + 22);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const { at, text } of y) {
    pen.fillRect(left - 4, top + (1 - at) * height, 4, 1);
    pen.fillText(text, left - 6, top + (1 - at) * height);
  }
  pen.save();
  pen.translate(10, top + height / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(yTitle, 0, 0);
  pen.restore();
}

/** Round ticks. @param {number} low @param {number} high @returns {Tick[]} */
function ticks(low, high, wanted = 5) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((n) => n * power).find((n) => n >= rough) ?? 10 * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [], most = 4 * wanted; // beyond 2^53 one more is no more
  if (!(high > low)) return [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 && found.length < most; i++) {
    found.push({ at: (i * step - low) / (high - low), text: number(i * step || 0, digits).replace("-", "\u2212") });
  }
  return found;
}

/** @param {HTMLCanvasElement} canvas @param {{seconds: number, low: number[], high: number[]}} wave @param {{start: number, end: number} | null} window  s, shaded */
export function drawWaveform(canvas, wave, window) {
  const area = sheet(canvas);
  const { pen, left, top, width, height } = area;
  const x = (/** @type {number} */ share) => left + share * width;
  const y = (/** @type {number} */ value) => top + (1 - value) / 2 * height;
  if (window) {
    pen.fillStyle = colour("zone");
    pen.fillRect(x(window.start / wave.seconds), top, (window.end - window.start) / wave.seconds * width, height);
  }
  pen.fillStyle = colour("wave");
  const n = wave.low.length;
  for (let i = 0; i < n; i++) {
    const high = y(wave.high[i]);
    pen.fillRect(x(i / n), high, Math.max(1, width / n), Math.max(1, y(wave.low[i]) - high));
  }
  axes(area, { x: ticks(0, wave.seconds), y: ticks(-1, 1, 4), xTitle: t("recording.axes.time"), yTitle: t("recording.axes.scale") });
}

/**
 * The prediction is uncertain where the likeliest class has less than the threshold. Of two classes both are then nearer to one half
 * than the threshold is; of more, only the likeliest class can tell.
 * @param {string[]} classes @param {number} threshold @returns {[number, number]}  from, to; empty where from is not below to
 */
export function uncertainZone(classes, threshold) {
  return [classes.length === 2 ? 1 - threshold : 0, Math.min(1, threshold)];
}

/** Whether a class's probability lies in that zone. @param {Record<string, number>} probabilities @param {string} name @param {number} threshold */
export function inZone(probabilities, name, threshold) {
  const all = Object.values(probabilities);
  const most = Math.max(...all);
  return most < threshold && (all.length === 2 || probabilities[name] === most);
}

/** The picture in the colours of the report, or, with a map, in grey under the map's blocks. @param {HTMLCanvasElement} canvas @param {any} picture @param {Map | null} [map] */
export function drawPicture(canvas, picture, map) {
  const area = sheet(canvas);
  const [low, high] = extent(picture);
  const grey = (/** @type {number} */ share) => [255 * share, 255 * share, 255 * share];
  const paint = map ? grey : (/** @type {number} */ share) => between(picture.signed ? SIGNED : MAGMA, share);
  cells(area, picture.values, (value) => paint(Math.min(1, Math.max(0, (value - low) / (high - low || 1)))), 1);
  if (map) {
    const strongest = Math.max(...map.values.flat(), 0);
    blocks(area, map, (value) => magma(Math.max(0, value) / (strongest || 1)), OVER);
  }
  const times = picture.columns.values;
  const step = times.length > 1 ? times[1] - times[0] : 2 * times[0];
  const rows = picture.rows.values.length;
  axes(area, {
    x: ticks(times[0] - step / 2, times[times.length - 1] + step / 2),
    y: picture.ticks.map((/** @type {{row: number, text: string}} */ { row, text }) => ({ at: (row + 0.5) / rows, text })),
    xTitle: t("recording.axes.window"),
    yTitle: t(`recording.axes.${picture.rows.kind}`),
  });
}

/** The values at both ends of the colours. c0 is many times larger than the other coefficients and is left out. @param {any} picture @returns {[number, number]} */
function extent({ values, signed, rows }) {
  const kept = /** @type {number[]} */ ((rows.kind === "coefficient" && values.length > 1 ? values.slice(1) : values).flat());
  const low = kept.reduce((a, b) => Math.min(a, b), Infinity);
  const high = kept.reduce((a, b) => Math.max(a, b), -Infinity);
  const far = Math.max(-low, high);
  return signed ? [-far, far] : [low, high];
}

/** Blocks as they are, never smoothed; row 0 at the bottom. @param {Area} area @param {number[][]} rows @param {Paint} paint @param {number} alpha */
function cells({ pen, left, top, width, height }, rows, paint, alpha) {
  const small = new OffscreenCanvas(rows[0].length, rows.length);
  const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d"));
  const image = brush.createImageData(rows[0].length, rows.length);
  rows.forEach((row, r) => row.forEach((value, c) => {
    const at = 4 * ((rows.length - 1 - r) * row.length + c);
    paint(value).forEach((part, i) => { image.data[at + i] = part; });
    image.data[at + 3] = 255;
  }));
  brush.putImageData(image, 0, 0);
  pen.save();
  pen.globalAlpha = alpha;
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, left, top, width, height);
  pen.restore();
}

/** A map's cells at their true places, which are not all as wide; row 0 at the bottom. @param {Area} area @param {Map} map @param {Paint} paint @param {number} alpha */
function blocks({ pen, left, top, width, height }, { values, edges }, paint, alpha) {
  pen.save();
  pen.globalAlpha = alpha;
  values.forEach((row, r) => row.forEach((value, c) => {
    const [x0, x1] = [edges.columns[c], edges.columns[c + 1]].map((share) => Math.round(left + share * width));
    const [y0, y1] = [edges.rows[r + 1], edges.rows[r]].map((share) => Math.round(top + (1 - share) * height));
    pen.fillStyle = `rgb(${paint(value).map(Math.round).join(" ")})`;
    pen.fillRect(x0, y0, x1 - x0, y1 - y0);
  }));
  pen.restore();
}

/** @param {HTMLCanvasElement} canvas @param {any} bands @param {string} shade */
export function drawBands(canvas, bands, shade) {
  const area = sheet(canvas);
  const { pen, left, top, width, height } = area;
  const training = bands.training;
  const all = [...bands.values, 0, ...(training ? [...training.low, ...training.high] : [])];
  const [low, high] = room(Math.min(...all), Math.max(...all));
  const ends = [Math.log2(bands.limits[0][0]), Math.log2(bands.limits[bands.limits.length - 1][1])];
  const share = (/** @type {number} */ hz) => (Math.log2(hz) - ends[0]) / (ends[1] - ends[0]);
  const x = (/** @type {number} */ hz) => left + share(hz) * width;
  const y = (/** @type {number} */ value) => top + (high - value) / (high - low) * height;
  const steps = (/** @type {number[]} */ values) => {
    pen.beginPath();
    bands.limits.forEach((/** @type {number[]} */ [from, to], /** @type {number} */ i) => { pen.lineTo(x(from), y(values[i])); pen.lineTo(x(to), y(values[i])); });
    pen.stroke();
  };
  if (training) {
    pen.fillStyle = colour("zone");
    bands.limits.forEach((/** @type {number[]} */ [from, to], /** @type {number} */ i) => pen.fillRect(x(from), y(training.high[i]), x(to) - x(from), y(training.low[i]) - y(training.high[i])));
    pen.strokeStyle = colour("dim");
    pen.setLineDash([4, 3]);
    pen.lineWidth = 1.5;
    steps(training.mean);
    pen.setLineDash([]);
  }
  pen.strokeStyle = colour("line");
  pen.beginPath(); pen.moveTo(left, y(0)); pen.lineTo(left + width, y(0)); pen.stroke();
  pen.strokeStyle = shade;
  pen.lineWidth = 2.5;
  steps(bands.values);
  const octaves = [125, 250, 500, 1000, 2000, 4000, 8000].filter((hz) => share(hz) >= 0 && share(hz) <= 1);
  axes(area, {
    x: octaves.map((hz) => ({ at: share(hz), text: hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz` })).filter((_, i) => width > 380 || i % 2 === 0),
    y: ticks(low, high), xTitle: t("recording.axes.band"), yTitle: t("recording.axes.worth"),
  });
}

/**
 * Probability of each class at each step of the pitch slider that was tried.
 * @param {HTMLCanvasElement} canvas @param {globalThis.Map<number, any>} tried @param {string[]} classes @param {Record<string, string>} shades @param {number} threshold
 */
export function drawPitch(canvas, tried, classes, shades, threshold) {
  const area = sheet(canvas);
  const { pen, left, top, width, height } = area;
  const x = (/** @type {number} */ step) => left + (step + 12) / 24 * width;
  const y = (/** @type {number} */ value) => top + (1 - value) * height;
  const [from, to] = uncertainZone(classes, threshold);
  if (to > from) border({ pen, left, width }, y(from), y(to), classes.length === 2);
  const steps = [...tried.values()].sort((a, b) => a.semitones - b.semitones);
  for (const name of classes) {
    pen.strokeStyle = pen.fillStyle = shades[name];
    pen.lineWidth = 2;
    pen.beginPath();
    steps.forEach((step) => pen.lineTo(x(step.semitones), y(step.probabilities[name])));
    pen.stroke();
    steps.forEach((step) => { pen.beginPath(); pen.arc(x(step.semitones), y(step.probabilities[name]), 3.5, 0, 7); pen.fill(); });
  }
  legend(area, classes, shades);
  const places = [-12, -8, -4, 0, 4, 8, 12].map((step) => ({ at: (step + 12) / 24, text: `${step}`.replace("-", "\u2212") }));
  axes(area, { x: places, y: ticks(0, 1), xTitle: t("recording.axes.moved"), yTitle: t("recording.axes.probability") });
}

/**
 * Where the prediction is uncertain: of two classes while both curves are in the zone, of more while the highest is below its edge.
 * @param {Pick<Area, "pen" | "left" | "width">} area @param {number} low @param {number} high @param {boolean} filled
 */
function border({ pen, left, width }, low, high, filled) {
  pen.fillStyle = colour("zone");
  if (filled) pen.fillRect(left, high, width, low - high);
  pen.strokeStyle = colour("dim");
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  pen.strokeRect(left, high, width, filled ? low - high : 0);
  pen.setLineDash([]);
}

/** @param {Area} area @param {string[]} names @param {Record<string, string>} shades */
function legend({ pen, left, top, width, height }, names, shades) {
  let x = left + 10, y = top + height / 2;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (const name of names) {
    const wide = 15 + pen.measureText(name).width;
    if (x + wide > left + width) [x, y] = [left + 10, y + 16];
    pen.fillStyle = shades[name];
    pen.fillRect(x, y - 5, 10, 10);
    pen.fillStyle = colour("ink");
    pen.fillText(name, x + 15, y);
    x += wide + 20;
  }
}

/** @param {number} low @param {number} high */
function room(low, high) {
  const margin = (high - low || 1) * 0.06;
  return [low - margin, high + margin];
}
