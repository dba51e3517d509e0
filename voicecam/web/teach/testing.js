// How well taught classes are told: on a speaker held back, each in turn, and beside it by clips dealt out whoever spoke, which is data
// leakage: the voice of a tested clip was in training. Knows no sound.
import { argmax, logitsOf, softmax, trainHead } from "./head.js";

export const FEWEST = 5; // speakers from which an interval is given
const Z = 1.959964; // of a normal distribution, for 95 %

/** @typedef {{speaker: string, target: number, vector: ArrayLike<number>}} Clip  speaker : a key, see names.js */
/** @typedef {{speaker: string, right: number, clips: number}} Row */
/** @typedef {{accuracy: number, rows: Row[], interval: {low: number, high: number} | null, logits: number[][], targets: number[]}} Score
 *   accuracy : mean over speakers of the share of their clips that is right; interval : 95 % over speakers, null where there are fewer
 *   than FEWEST; logits, targets : of every tested clip */

/**
 * Each speaker is held back once: a head learns from all others and is asked about this one's clips.
 * @param {Clip[]} clips @param {number} classes @returns {Score}
 */
export function testSpeakers(clips, classes) {
  const speakers = speakersOf(clips);
  return scored(clips, clips.map(({ speaker }) => speakers.indexOf(speaker)), speakers.length, classes);
}

/**
 * The clips are dealt onto as many parts as there are speakers, one after another within a class, whoever spoke; each part is tested
 * once. Its interval takes clips for independent, as such a split does.
 * @param {Clip[]} clips @param {number} classes @returns {Score}
 */
export function testClips(clips, classes) {
  const parts = Math.max(2, speakersOf(clips).length), order = clips.map((_, i) => i);
  order.sort((a, b) => clips[a].target - clips[b].target || (clips[a].speaker < clips[b].speaker ? -1 : clips[a].speaker > clips[b].speaker ? 1 : a - b));
  const part = new Array(clips.length);
  const dealt = new Array(classes).fill(0).map((_, target) => target); // shifted by class, so that no part is one speaker
  for (const clip of order) part[clip] = dealt[clips[clip].target]++ % parts;
  const found = scored(clips, part, parts, classes);
  const right = found.rows.reduce((sum, row) => sum + row.right, 0);
  return { ...found, accuracy: right / clips.length, interval: wilson(right / clips.length, clips.length) };
}

/**
 * Why a speaker cannot be held back: a class that only one speaker says, or one speaker in all; null where nothing is in the way.
 * @param {Clip[]} clips @param {number} classes
 * @returns {{reason: "speakers"} | {reason: "class", target: number} | {reason: "empty", target: number} | null}
 */
export function hindrance(clips, classes) {
  for (let target = 0; target < classes; target++) if (!clips.some((clip) => clip.target === target)) return { reason: "empty", target };
  if (speakersOf(clips).length < 2) return { reason: "speakers" };
  for (let target = 0; target < classes; target++) {
    if (speakersOf(clips.filter((clip) => clip.target === target)).length < 2) return { reason: "class", target };
  }
  return null;
}

/** @param {Clip[]} clips  @returns {string[]}  in the order of their first clips */
export function speakersOf(clips) {
  return [...new Set(clips.map(({ speaker }) => speaker))];
}

/** The interval of a share p of n (Wilson 1927), 95 %. @param {number} p  0 to 1 @param {number} n */
export function wilson(p, n) {
  const middle = (p + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/**
 * The temperature at which held-back clips' probabilities are most true to frequency (log loss; 0.5 to 8, by golden section).
 * @param {number[][]} logits @param {number[]} targets
 */
export function temperatureOf(logits, targets) {
  const loss = (/** @type {number} */ log) => logits.reduce((sum, row, i) => sum - Math.log(Math.max(1e-12, softmax(row, Math.exp(log))[targets[i]])), 0);
  let low = Math.log(0.5), high = Math.log(8);
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let k = 0; k < 40; k++) {
    const a = high - golden * (high - low), b = low + golden * (high - low);
    if (loss(a) <= loss(b)) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}

/**
 * The lowest probability from which at most a share `most` of the held-back answers is wrong; 1 where there is none.
 * @param {number[][]} logits @param {number[]} targets @param {number} temperature @param {number} most
 */
export function thresholdOf(logits, targets, temperature, most) {
  const answers = logits.map((row, i) => {
    const p = softmax(row, temperature), best = argmax(p);
    return { p: p[best], wrong: best !== targets[i] };
  }).sort((a, b) => b.p - a.p);
  let found = 1, wrong = 0;
  answers.forEach((answer, i) => {
    wrong += Number(answer.wrong);
    if (wrong <= most * (i + 1)) found = answer.p;
  });
  return found;
}

/** @param {Clip[]} clips @param {number[]} part  of each clip @param {number} parts @param {number} classes @returns {Score} */
function scored(clips, part, parts, classes) {
  /** @type {number[][]} */
  const logits = new Array(clips.length);
  for (let k = 0; k < parts; k++) {
    const known = clips.filter((_, i) => part[i] !== k);
    const head = trainSome(known, classes);
    clips.forEach((clip, i) => { if (part[i] === k) logits[i] = head(clip.vector); });
  }
  const targets = clips.map(({ target }) => target);
  const rows = speakersOf(clips).map((speaker) => {
    const own = clips.map((clip, i) => ({ clip, i })).filter(({ clip }) => clip.speaker === speaker);
    return { speaker, clips: own.length, right: own.filter(({ clip, i }) => argmax(logits[i]) === clip.target).length };
  });
  const accuracy = rows.reduce((sum, row) => sum + row.right / row.clips, 0) / rows.length;
  return { accuracy, rows, interval: rows.length < FEWEST ? null : wilson(accuracy, rows.length), logits, targets };
}

/** A head on the classes that these clips have; the others get a logit that never wins. */
function trainSome(/** @type {Clip[]} */ clips, /** @type {number} */ classes) {
  const present = [...new Set(clips.map(({ target }) => target))].sort((a, b) => a - b);
  const head = trainHead(clips.map(({ vector }) => vector), clips.map(({ target }) => present.indexOf(target)), present.length);
  return (/** @type {ArrayLike<number>} */ vector) => {
    const logits = new Array(classes).fill(-1e3);
    logitsOf(head, vector).forEach((logit, i) => { logits[present[i]] = logit; });
    return logits;
  };
}
