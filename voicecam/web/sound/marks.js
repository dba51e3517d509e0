// Pitch marks: one place in each period of the voiced parts of a sound, a period apart, found by cross-correlation from the highest
// peak of a part on (as Praat's "To PointProcess (cc)"); and places 5 ms apart where nothing is voiced. Moves nothing.

const NEAREST = 0.8, FARTHEST = 1.25; // of a period: where the next mark is looked for
const ALIKE = 0.3; // correlation below which a voiced part ends
const UNVOICED = 0.005; // s between marks where nothing is voiced

/** @typedef {{place: number, voiced: boolean}} Mark  place : in samples */

/**
 * Marks in order of time, from 0 to the end of the sound.
 * @param {Float32Array} samples
 * @param {number} rate  Hz
 * @param {import("./pitch.js").Track} track  of this sound
 * @returns {Mark[]}
 */
export function pitchMarks(samples, rate, track) {
  /** @type {Mark[]} */
  const marks = [];
  let filled = 0; // up to here there are marks
  for (const { from, to } of voicedParts(track, rate, samples.length)) {
    const found = marksOf(samples, rate, track, Math.max(from, filled), to);
    if (!found.length) continue;
    fill(marks, filled, found[0], rate);
    marks.push(...found.map((place) => ({ place, voiced: true })));
    filled = /** @type {number} */ (found.at(-1));
  }
  fill(marks, filled, samples.length, rate);
  return [...marks, { place: samples.length, voiced: false }];
}

/** Unvoiced marks between two places, neither of them. @param {Mark[]} marks @param {number} from @param {number} to @param {number} rate */
function fill(marks, from, to, rate) {
  const step = UNVOICED * rate;
  if (from === 0) marks.push({ place: 0, voiced: false });
  for (let place = from + step; place < to - step / 2; place += step) marks.push({ place: Math.round(place), voiced: false });
}

/** @param {import("./pitch.js").Track} track @param {number} rate @param {number} length */
function voicedParts({ hop, start, hz }, rate, length) {
  const parts = [];
  for (let i = 0, first = -1; i <= hz.length; i++) {
    const voiced = i < hz.length && !Number.isNaN(hz[i]);
    if (voiced && first < 0) first = i;
    if (!voiced && first >= 0) {
      const from = Math.max(0, Math.round((start + (first - 0.5) * hop) * rate));
      parts.push({ from, to: Math.min(length, Math.round((start + (i - 0.5) * hop) * rate)) });
      first = -1;
    }
  }
  return parts;
}

/** Period in samples at a sample, between the frames on a straight line. @param {import("./pitch.js").Track} track */
function periodAt({ hop, start, hz }, /** @type {number} */ rate, /** @type {number} */ place) {
  const x = (place / rate - start) / hop, i = Math.floor(x);
  const [a, b] = [hz[i], hz[i + 1]].map((one) => (one === undefined || Number.isNaN(one) ? 0 : one));
  const found = a && b ? a + (x - i) * (b - a) : a || b || nearestPitch(hz, Math.round(x));
  return rate / found;
}

/** @param {Float32Array} hz @param {number} i */
function nearestPitch(hz, i) {
  for (let away = 0; away < hz.length; away++) {
    for (const one of [hz[i - away], hz[i + away]]) if (one !== undefined && !Number.isNaN(one)) return one;
  }
  return NaN;
}

/** @returns {number[]} @param {Float32Array} samples @param {number} rate @param {any} track @param {number} from @param {number} to */
function marksOf(samples, rate, track, from, to) {
  if (to - from < 2) return [];
  const middle = (from + to) / 2, period = periodAt(track, rate, middle);
  let first = Math.round(middle);
  for (let i = Math.max(from, Math.round(middle - period / 2)); i < Math.min(to, middle + period / 2); i++) {
    if (Math.abs(samples[i]) > Math.abs(samples[first])) first = i;
  }
  const before = walk(samples, rate, track, first, -1, from, to), after = walk(samples, rate, track, first, 1, from, to);
  return [...before.reverse(), first, ...after];
}

/** Marks from one on, in a direction. @param {number} direction  1 or -1 */
function walk(/** @type {Float32Array} */ samples, /** @type {number} */ rate, /** @type {any} */ track, /** @type {number} */ at, direction, /** @type {number} */ from, /** @type {number} */ to) {
  /** @type {number[]} */
  const found = [];
  for (;;) {
    const period = periodAt(track, rate, at);
    const { place, likeness } = mostAlike(samples, at, period, direction);
    if (place < from || place >= to || likeness < ALIKE) return found;
    found.push(place);
    at = place;
  }
}

/** The place about a period away around which the sound is most like that around `at`. */
function mostAlike(/** @type {Float32Array} */ samples, /** @type {number} */ at, /** @type {number} */ period, /** @type {number} */ direction) {
  const half = Math.round(period / 2);
  let place = -1, likeness = -1;
  for (let away = Math.round(NEAREST * period); away <= FARTHEST * period; away++) {
    const there = at + direction * away;
    const found = correlation(samples, at - half, there - half, 2 * half);
    if (found > likeness) [place, likeness] = [there, found];
  }
  return { place, likeness };
}

/** Of n samples from a on with those from b on, -1 to 1; beyond the sound is silence. */
function correlation(/** @type {Float32Array} */ samples, /** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ n) {
  let both = 0, one = 0, other = 0;
  for (let i = 0; i < n; i++) {
    const x = samples[a + i] ?? 0, y = samples[b + i] ?? 0;
    both += x * y;
    one += x * x;
    other += y * y;
  }
  return one > 0 && other > 0 ? both / Math.sqrt(one * other) : 0;
}
