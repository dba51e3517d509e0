// Draws the spectrogram with its axes, the network's map over it, and the pitch. Computes none of them.
import { named } from "./axis.js";
import { number } from "../strings.js";
import { KEPT, SLOT } from "./listener.js";

const LEFT = 44, BELOW = 20; // px for the axes
const PEAK = 0.12; // of the map's largest value: what is less is not drawn

export const COLOURS = ["#0b6fb8", "#c8500a", "#1b7f4b", "#8a3fa0", "#8a5f00", "#b0305c", "#27788a", "#6a6f2a", "#5560c0", "#7a5236"];
export const COLOURS_DARK = ["#56b4f5", "#ff9a4d", "#4fd08b", "#d79af0", "#f0c75e", "#ff84ab", "#64cfe0", "#c5cc62", "#9aa5ff", "#d1a283"];

export const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
/** @param {number} k  a class */
export const colour = (k) => (dark() ? COLOURS_DARK : COLOURS)[k % COLOURS.length];

/** A canvas as large as it is shown, in device pixels. @param {HTMLCanvasElement} canvas */
export function fitted(canvas) {
  const scale = Math.min(2, devicePixelRatio || 1), width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  const style = getComputedStyle(canvas);
  return { pen, width, height, ink: style.color, ground: style.backgroundColor, left: LEFT, below: BELOW };
}

const patch = document.createElement("canvas");

/** @typedef {{model: import("../engine/model.js").Model, slots: Map<number, import("./listener.js").Slot>, time: number, pitch: Float32Array}} Heard
 *   of a Listener, what is drawn */
/** @typedef {{from: number, to: number, map: boolean, pitch: boolean, chosen?: {start: number, end: number} | null}} View  s */
/** @typedef {(value: number) => number} Place  s or Hz -> px */
/** @typedef {CanvasRenderingContext2D} Pen */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Heard} listener @param {import("./spectra.js").Spectra} spectra @param {import("./axis.js").Axis} axis @param {View} view
 */
export function drawPicture(canvas, listener, spectra, axis, view) {
  const { pen, width, height, ink, ground } = fitted(canvas), w = width - LEFT, h = height - BELOW;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, w, h);
  pen.clip();
  pen.fillStyle = dark() ? "rgb(12 12 18)" : "#fff";
  pen.fillRect(LEFT, 0, w, h);
  /** @type {Place} */
  const x = (time) => LEFT + ((time - view.from) / (view.to - view.from)) * w;
  /** @type {Place} */
  const y = (hz) => h * (1 - axis.share(hz));
  const first = Math.max(Math.ceil(view.from * 100), Math.ceil((listener.time - KEPT) * 100), 3);
  const last = Math.min(Math.floor(view.to * 100), Math.floor(listener.time * 100));
  if (last > first) spectra.draw(pen, first, last, x(first / 100), 0, x(last / 100) - x(first / 100), h);
  if (view.map) drawMap(pen, listener, view, x, h);
  if (view.pitch) drawPitch(pen, listener, view, x, y);
  if (view.chosen) {
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.strokeRect(x(view.chosen.start), 1, x(view.chosen.end) - x(view.chosen.start), h - 2);
  }
  pen.restore();
  drawAxes(pen, axis, view, x, y, { width, h, ink });
}

/**
 * @param {Pen} pen @param {import("./axis.js").Axis} axis @param {View} view @param {Place} x @param {Place} y
 * @param {{width: number, h: number, ink: string}} size  px
 */
function drawAxes(pen, axis, view, x, y, { width, h, ink }) {
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = pen.strokeStyle = ink;
  pen.lineWidth = 1;
  drawFrequencies(pen, axis, LEFT, y);
  pen.textAlign = "left";
  pen.fillText("Hz", 2, h + BELOW / 2);
  pen.textAlign = "center";
  const step = view.to - view.from < 3 ? 0.2 : 1, digits = step < 1 ? 1 : 0;
  for (let k = Math.ceil(view.from / step); k * step <= view.to; k++) {
    if (k < 0 || x(k * step) > width - 14 || x(k * step) < LEFT + 8) continue;
    pen.fillRect(Math.round(x(k * step)), h, 1, 4);
    pen.fillText(`${number(k * step, digits)} s`, x(k * step), h + 12);
  }
}

/**
 * The ticks of a frequency axis with their names, those that have room. Leaves the pen aligned to the right.
 * @param {Pen} pen @param {import("./axis.js").Axis} axis @param {number} left  px, of the picture @param {Place} y
 */
export function drawFrequencies(pen, axis, left, y) {
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  let free = Infinity;
  for (const hz of axis.ticks) {
    if (free - y(hz) < 15) continue;
    free = y(hz);
    pen.fillText(named(hz), left - 7, Math.max(7, free));
    pen.fillRect(left - 4, Math.round(free), 4, 1);
  }
}

/**
 * Each moment's map in its class's colour: the more it speaks for the class, the less the speech shines through.
 * @param {Pen} pen @param {Heard} listener @param {View} view @param {Place} x @param {number} h  px
 */
function drawMap(pen, listener, view, x, h) {
  const { mapEdges: edges, config } = listener.model, middles = edges.rows.slice(1).map((edge, r) => (edge + edges.rows[r]) / 2);
  if (config.features !== "logmel") return; // rows that are no frequencies
  const first = Math.floor(view.from / SLOT), n = Math.ceil(view.to / SLOT) - first, fine = config.n_mels;
  let peak = 0;
  for (const slot of listener.slots.values()) for (const one of slot.sum) peak = Math.max(peak, one / slot.n);
  if (!(peak > 0)) return;
  patch.width = n;
  patch.height = fine;
  const small = /** @type {CanvasRenderingContext2D} */ (patch.getContext("2d")), pixels = small.createImageData(n, fine);
  for (let i = 0; i < n; i++) {
    const slot = listener.slots.get(first + i);
    if (!slot) continue;
    const [red, green, blue] = rgb(colour(slot.label));
    for (let r = 0; r < fine; r++) {
      const value = Math.max(0, between(slot.sum, middles, (r + 0.5) / fine) / slot.n / peak);
      pixels.data.set([red, green, blue, value < PEAK ? 0 : 200 * Math.sqrt(value) * 0.8], 4 * ((fine - 1 - r) * n + i));
    }
  }
  small.putImageData(pixels, 0, 0);
  pen.globalCompositeOperation = dark() ? "screen" : "multiply"; // the speech stays as it is under the colour
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(patch, x(first * SLOT), 0, x((first + n) * SLOT) - x(first * SLOT), h);
  pen.globalCompositeOperation = "source-over";
}

/** A value between those at rising places, the outer ones beyond them. @param {ArrayLike<number>} values @param {number[]} places @param {number} at */
export function between(values, places, at) {
  let i = 0;
  while (i < places.length - 2 && places[i + 1] < at) i++;
  const share = Math.min(1, Math.max(0, (at - places[i]) / (places[i + 1] - places[i])));
  return values[i] * (1 - share) + values[i + 1] * share;
}

/** @param {Pen} pen @param {Heard} listener @param {View} view @param {Place} x @param {Place} y */
function drawPitch(pen, listener, view, x, y) {
  for (const [style, thick] of /** @type {[string, number][]} */ ([[dark() ? "#000" : "#fff", 5], [dark() ? "#fff45c" : "#b00020", 2.5]])) {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.lineJoin = pen.lineCap = "round";
    pen.beginPath();
    let before = false;
    for (let at = Math.max(0, Math.ceil(view.from * 100), Math.ceil((listener.time - KEPT) * 100) + 1); at < Math.min(view.to, listener.time) * 100; at++) {
      const hz = listener.pitch[at % listener.pitch.length], there = hz > 0;
      if (there) before ? pen.lineTo(x(at / 100), y(hz)) : pen.moveTo(x(at / 100), y(hz));
      before = there;
    }
    pen.stroke();
  }
}

/** @param {string} hex */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
