// A second of sound taken apart by the network's map: the evidence, and the rest. Every short-time spectrum of the sound is weighed by
// the map's positive part, which is coarse: this is not the split by mel gradients of voicecam.explanation.audible. Plays nothing.
import { fftOf } from "../sound/fft.js";
import { axisOf } from "./axis.js";
import { between } from "./picture.js";

const SIZE = 512, HOP = SIZE / 4; // samples of a spectrum, and from one to the next

/** @typedef {(time: number) => (hz: number) => number} Gain  time in s from the sound's first sample; answers 0 to 1 */

/**
 * The map of one class as a gain: its positive part over its maximum, between the middles of its cells by straight lines, beyond the
 * outer ones as in them. Null where nothing in the map is above 0, or where its rows are no frequencies.
 * @param {Float32Array} maps  class x mapRows x mapColumns, as Model.analyse gives them
 * @param {number} k  the class
 * @param {import("../engine/model.js").Model} model
 * @param {number} [length]  samples of the sound, where it is shorter than a window
 * @returns {Gain | null}
 */
export function gainOf(maps, k, model, length = model.windowSamples) {
  const { config, mapRows: rows, mapColumns: columns, mapEdges: edges, rate, window, hop, frames, windowSamples } = model;
  const map = maps.slice(k * rows * columns, (k + 1) * rows * columns).map((x) => Math.max(0, x)), peak = Math.max(...map);
  if (!(peak > 0) || config.features !== "logmel") return null;
  const lines = Array.from({ length: rows }, (_, r) => map.subarray(r * columns, (r + 1) * columns));
  const before = config.pad === "repeat" || config.pad === "end" ? 0 : Math.max(0, windowSamples - length) >> 1;
  const axis = axisOf(config), across = middles(edges.columns), up = middles(edges.rows);
  return (time) => {
    const share = (time * rate + before - (window - hop) / 2) / (frames * hop);
    const column = lines.map((line) => between(line, across, share) / peak);
    return (hz) => between(column, up, axis.share(hz));
  };
}

/**
 * Spectra times gain, and spectra times (1 - gain), each added up again: together they are the sound.
 * @param {Float32Array} samples @param {number} rate  Hz @param {Gain} gain
 * @returns {{evidence: Float32Array, rest: Float32Array}}  as long as the sound
 */
export function split(samples, rate, gain) {
  const fft = fftOf(SIZE), { re, im } = fft, n = samples.length, evidence = new Float32Array(n), rest = new Float32Array(n);
  const hann = Float64Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
  const sum = (SIZE / HOP / 2) * SIZE; // of the windows over a sample, times what a transform forth and back makes of it
  for (let start = HOP - SIZE; start < n; start += HOP) {
    for (let i = 0; i < SIZE; i++) {
      re[i] = hann[i] * (samples[start + i] ?? 0);
      im[i] = 0;
    }
    fft.run();
    const now = gain((start + SIZE / 2) / rate);
    for (let bin = 0; bin <= SIZE / 2; bin++) {
      const g = now((bin * rate) / SIZE);
      weigh(re, im, bin, g);
      if (bin > 0 && bin < SIZE / 2) weigh(re, im, SIZE - bin, g);
    }
    fft.run(); // with real and imaginary part changed over it runs backwards: the evidence comes as the imaginary part
    for (let i = Math.max(0, -start); i < Math.min(SIZE, n - start); i++) {
      evidence[start + i] += im[i] / sum;
      rest[start + i] += re[i] / sum;
    }
  }
  return { evidence, rest };
}

/** One bin X -> X g + j X (1 - g), evidence and rest in one, with its real and imaginary part changed over. */
function weigh(/** @type {Float64Array} */ re, /** @type {Float64Array} */ im, /** @type {number} */ bin, /** @type {number} */ g) {
  const a = re[bin], b = im[bin];
  re[bin] = b * g + a * (1 - g);
  im[bin] = a * g - b * (1 - g);
}

/** @param {number[]} edges */
const middles = (edges) => edges.slice(1).map((edge, i) => (edge + edges[i]) / 2);
