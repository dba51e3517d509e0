// The backend "browser": the same questions as server.js, answered by the networks that run in the page. Its answers have the shape of
// /api's, without its sentences: see recording/words.js.
import { gainOf, split } from "../live/evidence.js";
import { colour } from "../live/picture.js";
import { axisOf, named } from "../live/axis.js";
import { decoded, duration, refuseLong } from "../sound/decode.js";
import { moveVoice } from "../sound/move.js";
import { pitchTrack } from "../sound/pitch.js";
import { resampled } from "../sound/resample.js";
import { wav } from "../sound/wav.js";
import { timeline, torn } from "../recording/words.js";
import { t } from "../strings.js";
import { loudest } from "./level.js";
import { NO_SPEECH, recognise } from "./recordings.js";
import { RATE } from "./speech.js";

const MOST_BYTES = 100e6, MOST_SECONDS = 60, MOVED_SECONDS = 10;
const POINTS = 800; // of the waveform
const METHODS = /** @type {Record<string, string>} */ ({ "hires-cam": "HiRes-CAM", "grad-cam": "Grad-CAM", "grad-cam++": "Grad-CAM++" });

/** @typedef {import("./backend.js").Facts} Facts */
/** @typedef {import("./backend.js").Clip} Clip */
/** @typedef {import("./model.js").Model} Model */

export class Browser {
  kind = /** @type {const} */ ("browser");

  /** @param {import("./model.js").Context} context */
  constructor(context) {
    this.context = context;
    /** @type {Map<string, Model>} */
    this.loaded = new Map();
    /** @type {WeakMap<Clip, any>} */
    this.heard = new WeakMap(); // what `recognise` gave
  }

  /** @param {string} [name] @returns {Promise<Facts>} */
  async facts(name = this.context.models[0]) {
    const model = await this.context.choose(name), { classes, config } = model;
    this.loaded.set(name, model);
    return {
      name, models: this.context.models, label: model.label, classes, threshold: model.threshold, features: config.features,
      window_seconds: config.seconds, most_bytes: MOST_BYTES, most_seconds: MOST_SECONDS, endings: [],
      get colours() { return Object.fromEntries(classes.map((one, k) => [one, colour(k)])); }, // light or dark, as the page is now
    };
  }

  /** @param {File} file @param {Facts} facts */
  async read(file, { most_seconds: most }) {
    refuseLong(await duration(file), most);
    const sound = await decoded(file, RATE).catch(() => { throw new Error(t("recording.unreadable")); });
    refuseLong(sound.samples.length / sound.rate, most);
    return sound;
  }

  /** @param {Clip} clip @param {Facts} by */
  async classify(clip, by) {
    const model = /** @type {Model} */ (this.loaded.get(by.name)), { classes, threshold } = model;
    const samples = clip.rate === RATE ? /** @type {Float32Array} */ (clip.samples) : resampled(/** @type {Float32Array} */ (clip.samples), clip.rate / RATE);
    const said = await recognise(model, samples, RATE), seconds = samples.length / RATE;
    this.heard.set(clip, said);
    const { prediction, label, probability } = said, short = { prediction, label, probability }, verdicts = [{ model: by.name, ...short }];
    const always = { ...short, verdicts, speech_seconds: said.seconds, doubtful: said.doubtful, waveform: waveform(samples, seconds) };
    if (prediction === NO_SPEECH || !("spoken" in said)) return { ...always, f0: null, probabilities: {}, windows: [], timeline: null, disagreement: null, explanation: null };
    const windows = said.windows.map((one) => ({ start: placeOf(one.start, said.pieces), end: placeOf(one.end, said.pieces, true), probabilities: byName(classes, one.probabilities) }));
    return {
      ...always, probabilities: byName(classes, said.probabilities), windows, f0: median(said.spoken), explanation: await explain(model, said, windows[said.strongest]),
      timeline: windows.length > 1 ? timeline(windows, threshold) : null, disagreement: torn(windows, threshold) ? timeline(windows, threshold) : null,
    };
  }

  /** Split by the coarse map, see live/evidence.js. @param {Clip} clip @param {Facts} by */
  async sounds(clip, by) {
    const model = /** @type {Model} */ (this.loaded.get(by.name)), said = this.heard.get(clip), { samples: window, maps } = said.windows[said.strongest];
    const gain = gainOf(maps, said.best, model), how = { label: said.label, rows: model.mapRows, columns: model.mapColumns };
    if (!gain) return { sounds: null, words: t("live.evidenceNone", how) };
    const { evidence, rest } = split(window, RATE, gain);
    return { sounds: { window: wav(window, RATE), evidence: wav(evidence, RATE), rest: wav(rest, RATE) }, words: t("live.evidenceHow", how) };
  }

  /** @param {Clip} clip @param {Facts} by @param {number} semitones */
  async shift(clip, by, semitones) {
    const model = /** @type {Model} */ (this.loaded.get(by.name)), { spoken } = this.heard.get(clip), most = MOVED_SECONDS * RATE;
    const start = loudest(spoken, most), moved = moveVoice(spoken.slice(start, start + most), RATE, { semitones }), said = await model.classify(moved);
    const { prediction, label, probability } = said;
    return { semitones, prediction, label, probability, probabilities: byName(model.classes, said.probabilities), f0: median(moved), blob: wav(moved, RATE) };
  }
}

/** @param {string[]} names @param {ArrayLike<number>} values @returns {Record<string, number>} */
const byName = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));

/** A time of the speech that was cut out, in the recording. @param {number} time @param {{start: number, end: number}[]} pieces @param {boolean} [ending]  of a window: at a seam it is the end of the piece before */
export function placeOf(time, pieces, ending = false) {
  let left = time;
  for (const { start, end } of pieces) {
    const n = end - start;
    if (left < n - 1e-6 || (ending && left <= n + 1e-6)) return Math.min(end, start + left);
    left -= n;
  }
  return pieces[pieces.length - 1].end;
}

/** Median pitch in Hz; null where nothing is voiced. @param {Float32Array} samples */
function median(samples) {
  const hz = pitchTrack(samples, RATE).hz.filter((one) => !Number.isNaN(one)).sort();
  return hz.length ? hz[hz.length >> 1] : null;
}

/** @param {Float32Array} samples @param {number} seconds */
function waveform(samples, seconds) {
  const n = Math.min(POINTS, samples.length), edge = (/** @type {number} */ i) => Math.floor((i * samples.length) / n);
  const parts = Array.from({ length: n }, (_, i) => samples.subarray(edge(i), edge(i + 1)));
  return { seconds, low: parts.map((part) => Math.min(...part)), high: parts.map((part) => Math.max(...part)) };
}

/** Picture, map and bands of one window. @param {Model} model @param {any} said @param {{start: number, end: number}} place */
async function explain(model, said, { start, end }) {
  const { config, frames, hop, window, mapRows: rows, mapColumns: columns, mapEdges: edges, bands } = model, one = said.windows[said.strongest], { label, best } = said;
  const grey = Array.from(one.picture), map = Array.from(one.maps.slice(best * rows * columns, (best + 1) * rows * columns));
  const worth = await model.bandWorth(one.samples, best), training = bands.training?.[label] ?? null, { ticks, ...axis } = rowsOf(model, grey.length / frames);
  return {
    start, end,
    picture: {
      values: lines(grey, frames), signed: false, rows: axis, ticks,
      columns: { values: Array.from({ length: frames }, (_, i) => (window / 2 + i * hop) / config.sample_rate) },
    },
    map: { method: METHODS[model.method] ?? model.method, label, values: lines(map, columns), edges },
    bands: { names: bands.names, limits: bands.limits, values: worth, training },
  };
}

/** @param {number[]} values @param {number} width  of a row */
function lines(values, width) {
  return Array.from({ length: values.length / width }, (_, r) => values.slice(r * width, (r + 1) * width));
}

/** What the picture's rows are. @param {Model} model @param {number} n  rows */
function rowsOf({ config }, n) {
  const places = Array.from({ length: n }, (_, i) => i);
  if (config.features !== "logmel") return { kind: "coefficient", values: places, ticks: places.filter((i) => i % 4 === 0).map((row) => ({ row, text: `c${row}` })) };
  const axis = axisOf(config), ticks = axis.ticks.filter((_, i) => i % 2 === 1).map((hz) => ({ row: axis.share(hz) * n - 0.5, text: `${named(hz)}` }));
  return { kind: "frequency", values: places.map((i) => axis.hz((i + 0.5) / n)), ticks };
}
