// A recording -> the network's vector of the speech in it: speech is cut out, windows are taken as voicecam.network.classifier takes
// them, and the mean of their vectors is the clip's, so that a linear head on it gives the mean of the windows' logits.
import { resampled } from "../sound/resample.js";

const MARGIN = 0.1; // s kept around speech

/**
 * @param {any} model  see engine/
 * @param {(samples: Float32Array, rate: number) => Promise<{start: number, end: number}[]>} speech
 * @param {Float32Array} samples @param {number} rate
 * @returns {Promise<Float32Array | null>}  (model.vectorSize,); null where nobody speaks
 */
export async function vectorOf(model, speech, samples, rate) {
  const sound = rate === model.rate ? samples : resampled(samples, rate / model.rate);
  const spoken = cut(sound, model.rate, await speech(sound, model.rate));
  if (!spoken) return null;
  const mean = new Float32Array(model.vectorSize), windows = windowsOf(spoken, model);
  for (const window of windows) {
    const { vector } = await model.analyse(window);
    vector.forEach((/** @type {number} */ value, /** @type {number} */ i) => { mean[i] += value / windows.length; });
  }
  return mean;
}

/** The segments with a margin around each, joined; null without any. */
function cut(/** @type {Float32Array} */ samples, /** @type {number} */ rate, /** @type {{start: number, end: number}[]} */ segments) {
  /** @type {number[][]} */
  const pieces = [];
  for (const segment of segments) {
    const start = Math.max(0, segment.start - MARGIN), end = Math.min(samples.length / rate, segment.end + MARGIN);
    const before = pieces.at(-1);
    if (before && start <= before[1]) before[1] = end;
    else pieces.push([start, end]);
  }
  const parts = pieces.map(([start, end]) => samples.subarray(Math.round(start * rate), Math.round(end * rate)));
  if (!parts.length) return null;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => { whole.set(part, at); return at + part.length; }, 0);
  return whole;
}

/** Windows every half of their length, the last one ending with the sound; a short sound is repeated. */
function windowsOf(/** @type {Float32Array} */ sound, /** @type {any} */ model) {
  const n = model.windowSamples;
  if (sound.length <= n) return [Float32Array.from({ length: n }, (_, i) => sound[i % sound.length])];
  const starts = [];
  for (let start = 0; start < sound.length - n; start += Math.round(n / 2)) starts.push(start);
  return [...starts, sound.length - n].map((start) => sound.slice(start, start + n));
}
