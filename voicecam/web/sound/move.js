// A voice at another pitch, or with other formants: pitch-synchronous overlap-add (TD-PSOLA, Moulines and Charpentier 1990), formants
// by resampling, as Praat's "Change gender" does both. A voice moved far sounds made. Keeps duration, not level.
import { pitchMarks } from "./marks.js";
import { pitchTrack } from "./pitch.js";
import { resampled } from "./resample.js";

/**
 * The voice with its pitch moved by `semitones` and its formants multiplied by `formants`; as many samples at the same rate.
 * Where nothing is voiced there is no pitch to move. Lowered formants leave nothing above rate / 2 * formants.
 * @param {Float32Array} samples  one channel
 * @param {number} rate  Hz
 * @param {{semitones?: number, formants?: number}} [change]  -24 to 24, and 0.5 to 2
 * @returns {Float32Array}  may pass 1: the caller sets the level
 */
export function moveVoice(samples, rate, { semitones = 0, formants = 1 } = {}) {
  if (!(Math.abs(semitones) <= 24) || !(formants >= 0.5 && formants <= 2)) {
    throw new RangeError(`${semitones} semitones, formants times ${formants}: use -24 to 24 and 0.5 to 2`);
  }
  const marks = pitchMarks(samples, rate, pitchTrack(samples, rate));
  // Played `formants` times as fast, everything rises by it; overlap-add gives duration and pitch back.
  const faster = overlapAdd(samples, marks, formants, 2 ** (semitones / 12) / formants);
  return formants === 1 ? faster : resampled(faster, formants, samples.length);
}

/**
 * The sound `stretch` times as long, its pitch times `pitch`.
 * @param {Float32Array} samples
 * @param {import("./marks.js").Mark[]} marks
 * @param {number} stretch
 * @param {number} pitch
 */
function overlapAdd(samples, marks, stretch, pitch) {
  const out = new Float32Array(Math.round(samples.length * stretch));
  const placed = targets(marks, stretch, pitch, out.length);
  placed.forEach(({ place, mark }, i) => {
    const left = Math.min(gap(marks, mark, -1), place - (placed[i - 1]?.place ?? -Infinity));
    const right = Math.min(gap(marks, mark, 1), (placed[i + 1]?.place ?? Infinity) - place);
    add(out, place, samples, marks[mark].place, left, right);
  });
  return out;
}

/** Where marks come to lie, and which mark each one copies. */
function targets(/** @type {import("./marks.js").Mark[]} */ marks, /** @type {number} */ stretch, /** @type {number} */ pitch, /** @type {number} */ length) {
  const placed = [];
  for (let place = 0, mark = 0; place <= length;) {
    while (mark + 1 < marks.length && Math.abs(marks[mark + 1].place * stretch - place) <= Math.abs(marks[mark].place * stretch - place)) mark++;
    placed.push({ place, mark });
    const voiced = marks[mark].voiced && (marks[mark + 1]?.voiced ?? false);
    place += gap(marks, mark, 1) / (voiced ? pitch : 1);
  }
  return placed;
}

/** Samples from a mark to its neighbour. @param {import("./marks.js").Mark[]} marks @param {number} i @param {number} side  1 or -1 */
function gap(marks, i, side) {
  const other = marks[i + side] ?? marks[i - side];
  return other ? Math.abs(other.place - marks[i].place) : 1;
}

/** Add the sound around `from` at `to`, under a bell of cosine slopes. */
function add(/** @type {Float32Array} */ out, /** @type {number} */ to, /** @type {Float32Array} */ samples, /** @type {number} */ from, /** @type {number} */ left, /** @type {number} */ right) {
  const shift = to - from; // between samples as well
  for (let i = Math.max(0, Math.ceil(to - left)); i < Math.min(out.length, to + right); i++) {
    const away = i - to;
    const bell = 0.5 + 0.5 * Math.cos((Math.PI * away) / (away < 0 ? left : right));
    out[i] += bell * at(samples, i - shift);
  }
}

/** Between samples by a cubic (Catmull and Rom 1974); silence beyond the ends. @param {Float32Array} samples @param {number} x */
function at(samples, x) {
  const i = Math.floor(x), f = x - i;
  const b = samples[i] ?? 0;
  if (f === 0) return b;
  const a = samples[i - 1] ?? 0, c = samples[i + 1] ?? 0, d = samples[i + 2] ?? 0;
  return b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)));
}
