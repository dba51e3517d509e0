// Draws one looked-at recording into a box: spectrogram, map, pitch, and the bands of two. Both recordings get the same axes. Light
// colours only, so that a saved card looks the same everywhere.
import { drawFrequencies, rgb } from "../live/picture.js";
import { COLUMNS } from "./clip.js";

const CELL = 5; // columns of the map that are drawn as one, 50 ms
const FAINT = 0.12; // of the map's largest value: what is less is not drawn
export const INK = "#10151c", DIM = "#465364", LINE = "#c3ccd8", PITCH = "#b00020", SIDES = ["#14457e", "#c8500a"];
const patch = document.createElement("canvas");

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/**
 * @param {CanvasRenderingContext2D} pen @param {Box} box  axes within it @param {import("./clip.js").Looked} looked @param {any} axis
 * @param {{seconds: number, until?: number, colour: string}} view  seconds : of the time axis; until : map and pitch up to there, in s; colour : of the map
 */
export function drawClip(pen, box, looked, axis, { seconds, until = Infinity, colour }) {
  const left = box.x + 40, width = box.width - 40, height = box.height - 22;
  const x = (/** @type {number} */ time) => left + (time / seconds) * width, y = (/** @type {number} */ hz) => box.y + height * (1 - axis.share(hz));
  pen.fillStyle = "#fff";
  pen.fillRect(left, box.y, width, height);
  pen.save();
  pen.beginPath();
  pen.rect(left, box.y, width, height);
  pen.clip();
  if (looked.spectra) {
    const last = Math.max(1, Math.floor(looked.seconds * COLUMNS) - 2);
    looked.spectra.draw(pen, 0, last, x(0), box.y, x(last / COLUMNS) - x(0), height);
  }
  if (looked.map) drawMap(pen, looked, { x, until, top: box.y, height, colour });
  if (looked.pitch) drawPitch(pen, looked.pitch, { x, y, until });
  if (until < looked.seconds && until >= 0) {
    pen.fillStyle = INK;
    pen.fillRect(x(until) - 1, box.y, 2, height);
  }
  pen.restore();
  drawAxes(pen, { left, top: box.y, width, height, seconds }, axis, x, y);
}

/** @param {CanvasRenderingContext2D} pen @param {any} place @param {any} axis @param {(time: number) => number} x @param {(hz: number) => number} y */
function drawAxes(pen, { left, top, width, height, seconds }, axis, x, y) {
  pen.strokeStyle = LINE;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  pen.fillStyle = DIM;
  pen.font = "12px system-ui, sans-serif";
  drawFrequencies(pen, axis, left, y);
  pen.fillText("Hz", left - 7, top + height + 11);
  pen.textAlign = "center";
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((one) => seconds / one <= 6) ?? 5;
  for (let k = 1; k * step < seconds - step / 4; k++) {
    pen.fillRect(Math.round(x(k * step)), top + height, 1, 4);
    pen.fillText(`${Number((k * step).toFixed(1))} s`, x(k * step), top + height + 13);
  }
}

/** The map in the side's colour, smooth between its cells. @param {CanvasRenderingContext2D} pen @param {any} looked @param {any} place */
function drawMap(pen, { map, model, seconds }, { x, until, top, height, colour }) {
  const peak = Math.max(0, ...map.map((/** @type {Float32Array} */ column) => Math.max(...column))), rows = model.mapRows;
  const n = Math.floor(Math.min(map.length, Math.min(until, seconds) * COLUMNS) / CELL);
  if (!(peak > 0) || n < 1) return;
  const ink = rgb(colour);
  patch.width = n;
  patch.height = rows;
  const small = /** @type {CanvasRenderingContext2D} */ (patch.getContext("2d")), pixels = small.createImageData(n, rows);
  for (let i = 0; i < n; i++) {
    for (let r = 0; r < rows; r++) {
      const value = Math.max(0, map[i * CELL + (CELL >> 1)][r] / peak);
      pixels.data.set([...ink, value < FAINT ? 0 : 190 * Math.sqrt(value)], 4 * ((rows - 1 - r) * n + i));
    }
  }
  small.putImageData(pixels, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(patch, x(0), top, x((n * CELL) / COLUMNS) - x(0), height);
}

/** @param {CanvasRenderingContext2D} pen @param {import("../sound/pitch.js").Track} track @param {any} place */
function drawPitch(pen, { hz, hop, start }, { x, y, until }) {
  for (const [style, thick] of /** @type {[string, number][]} */ ([["#fff", 5], [PITCH, 2.5]])) {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.lineJoin = pen.lineCap = "round";
    pen.beginPath();
    for (let i = 0; i < hz.length && start + i * hop <= until; i++) {
      if (!(hz[i] > 0)) continue;
      if (hz[i - 1] > 0) pen.lineTo(x(start + i * hop), y(hz[i]));
      else pen.moveTo(x(start + i * hop), y(hz[i]));
    }
    pen.stroke();
  }
}

/**
 * What each band is worth to the answers, side by side on one scale, in logits; above the line it speaks for the answer.
 * @param {CanvasRenderingContext2D} pen @param {Box} box @param {(import("./clip.js").Looked | null)[]} two
 */
export function drawBands(pen, box, two) {
  const some = /** @type {import("./clip.js").Looked[]} */ (two.filter((one) => one?.worth));
  if (!some.length) return;
  const most = Math.max(1e-6, ...some.flatMap(({ worth }) => (worth ?? []).map(Math.abs)));
  const { names } = some[0].model.bands, left = box.x + 40, width = box.width - 40, height = box.height - 22, zero = box.y + height / 2;
  const step = width / names.length;
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  two.forEach((one, side) => (one?.worth ?? []).forEach((value, i) => {
    pen.fillStyle = SIDES[side];
    const tall = (Math.abs(value) / most) * (height / 2 - 2);
    pen.fillRect(left + i * step + step * (0.12 + 0.38 * side), value > 0 ? zero - tall : zero, step * 0.36, tall);
  }));
  pen.fillStyle = DIM;
  pen.fillRect(left, Math.round(zero), width, 1);
  pen.textAlign = "right";
  pen.fillText(most.toFixed(1), left - 6, box.y + 6);
  pen.fillText("0", left - 6, zero);
  pen.textAlign = "center";
  let free = -Infinity;
  names.forEach((/** @type {string} */ name, /** @type {number} */ i) => {
    const at = left + (i + 0.5) * step;
    if (at - free < 36) return;
    free = at;
    pen.fillText(name.replace(/ kHz$/, "k").replace(/ Hz$/, ""), at, box.y + height + 11);
  });
  pen.textAlign = "right";
  pen.fillText("Hz", left - 6, box.y + height + 11);
}
