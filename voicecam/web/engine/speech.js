// Where in a recording somebody speaks, by the rule of voicecam/audio/speech.py: Silero, where it is not sure a second hearing at 0.7
// of the speed, and whether the sound moves as speech does. Classifies nothing. Differs: recordings are looked at in one piece, and
// slowed down by another filter.
import { ask } from "./ask.js";
import { centred, levelled } from "./level.js";
import { resampled } from "../sound/resample.js";
import { fftOf } from "../sound/fft.js";

export const RATE = 16000, FRAME = 512;
const LEVEL = -26, BEFORE = 28, AFTER = 9; // dBFS; frames of silence around
const LIKELY = 0.5, ENDING = 0.35, GAP = 0.25, LEAST = 0.1; // probabilities; s
const SURE = 0.9, SURE_SECONDS = 0.2, SLOWER = 0.7, AGAIN = 0.5, LEAST_EVIDENCE = 7, CLEAR_EVIDENCE = 9.5;
export const MARGIN = 0.15; // s kept around a segment
const STEP = 160, LAG = 3, FLOOR = 50; // spectra: samples, spectra, dB
export const DETECTOR = new URL("../vendor/silero.onnx", import.meta.url).href;

/** @typedef {{start: number, end: number}} Segment  in s */

/**
 * @param {Float32Array} samples
 * @param {number} rate  Hz
 * @returns {Promise<Segment[] & {doubtful?: boolean}>}  doubtful: may be music or noise as well
 */
export async function speech(samples, rate) {
  const at = rate === RATE ? samples : resampled(samples, rate / RATE), ready = centred(at);
  if (!ready.some((x) => x !== 0)) return [];
  const x = levelled(ready, LEVEL), p = await probabilities(x);
  let found = segments(p, x.length);
  if (p.filter((one) => one >= SURE).length * FRAME >= SURE_SECONDS * RATE) return found;
  const slow = await probabilities(resampled(x, SLOWER));
  const again = segments(slow, x.length, SLOWER);
  if (length(again) > length(found)) found = again;
  if (length(found) < LEAST) return [];
  const known = odds(maximum(p)) + AGAIN * odds(maximum(slow)) + change(x, found);
  if (known < LEAST_EVIDENCE) return [];
  return Object.assign(found, { doubtful: known < CLEAR_EVIDENCE });
}

/**
 * The segments with MARGIN around each, joined, and where each piece comes from.
 * @param {Float32Array} samples @param {number} rate  Hz @param {Segment[]} found
 */
export function cut(samples, rate, found) {
  /** @type {Segment[]} */
  const pieces = [];
  for (const { start, end } of found) {
    const one = { start: Math.max(0, start - MARGIN), end: Math.min(samples.length / rate, end + MARGIN) };
    const before = pieces[pieces.length - 1];
    if (before && one.start <= before.end) before.end = one.end;
    else pieces.push(one);
  }
  const parts = pieces.map(({ start, end }) => samples.subarray(Math.round(start * rate), Math.round(end * rate)));
  const out = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let place = 0;
  for (const part of parts) { out.set(part, place); place += part.length; }
  return { samples: out, pieces };
}

/** @param {Float32Array} samples  at 16 kHz */
async function probabilities(samples) {
  const whole = new Float32Array(BEFORE * FRAME + samples.length + AFTER * FRAME);
  whole.set(samples, BEFORE * FRAME);
  const found = await ask("speech", { url: DETECTOR, samples: whole });
  return Array.from(found.slice(BEFORE, BEFORE + Math.ceil(samples.length / FRAME)));
}

/** Silero's own rule. @param {number[]} p @param {number} n samples of the recording @returns {Segment[]} */
export function segments(p, n, speed = 1) {
  const found = [], gap = Math.round((GAP * 1000) / speed) * (RATE / 1000);
  let start = -1, ending = 0;
  p.forEach((one, i) => {
    const now = i * FRAME;
    if (one >= LIKELY && ending) ending = 0;
    if (one >= LIKELY && start < 0) start = now;
    else if (one < ENDING && start >= 0) {
      if (!ending) ending = now;
      if (now - ending >= gap) {
        if (ending > start) found.push([start, ending]);
        start = -1;
        ending = 0;
      }
    }
  });
  const last = Math.round(n / speed);
  if (start >= 0 && last > start) found.push([start, last]);
  return found.map(([a, b]) => ({ start: (a * speed) / RATE, end: Math.min(b * speed, n) / RATE }));
}

/** @param {Segment[]} found */
const length = (found) => found.reduce((sum, { start, end }) => sum + end - start, 0);
/** @param {number[]} p */
const maximum = (p) => p.reduce((a, b) => Math.max(a, b), 0);
/** @param {number} p */
const odds = (p) => { const q = Math.min(0.9995, Math.max(0.001, p)); return Math.log(q / (1 - q)); };

/** Median over speech of how far the spectrum moves in 30 ms, dB; see audio.speech.spectral_change. @param {Float32Array} samples @param {Segment[]} found */
function change(samples, found) {
  const n = 1 + Math.floor((samples.length + FRAME) / STEP), bins = FRAME / 4, hann = new Float64Array(FRAME);
  for (let i = 0; i < FRAME; i++) hann[i] = (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME)) / (FRAME / 2);
  const fft = fftOf(FRAME), levels = new Float64Array(n * bins);
  let top = -Infinity;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < FRAME; i++) fft.re[i] = (samples[k * STEP - FRAME + i] ?? 0) * hann[i];
    fft.im.fill(0);
    fft.run();
    for (let b = 0; b < bins; b++) {
      const level = 20 * Math.log10(Math.hypot(fft.re[b], fft.im[b]) + 1e-7);
      levels[k * bins + b] = level;
      if (level > top) top = level;
    }
  }
  const inside = Array.from({ length: n }, (_, k) => {
    const t = (k * STEP - FRAME / 2) / RATE;
    return found.some(({ start, end }) => t > start - MARGIN && t < end + MARGIN);
  });
  const moved = [];
  for (let k = LAG; k < n; k++) {
    if (!inside[k] || !inside[k - LAG]) continue;
    let total = 0, sum = 0;
    for (let b = 0; b < bins; b++) {
      const now = Math.max(levels[k * bins + b] - top, -FLOOR) + FLOOR, then = Math.max(levels[(k - LAG) * bins + b] - top, -FLOOR) + FLOOR;
      const weight = Math.max(now, then);
      total += weight;
      sum += Math.abs(now - then) * weight;
    }
    if (total > 0) moved.push(sum / total);
  }
  if (!moved.length) return 0;
  moved.sort((a, b) => a - b);
  const half = moved.length >> 1;
  return moved.length % 2 ? moved[half] : (moved[half - 1] + moved[half]) / 2;
}
