// An answer's numbers -> sentences in the page's language, the same for both backends. A server's own sentences are English, and are
// shown only where the page knows no better: of models that hear sound, and of the evidence.
import { UNCERTAIN } from "../engine/model.js";
import { number, t } from "../strings.js";

const SAID = /** @type {Record<string, string>} */ ({ [UNCERTAIN]: "live.uncertain", "no speech": "live.noSpeech" }); // answers that are no class
const DIGITS = 4; // of stored bands, see training_ranges.py

/** @typedef {{start: number, end: number, probabilities: Record<string, number>}} Window */

/** A class as it is, other answers in the page's language. @param {string} prediction */
export const said = (prediction) => (Object.hasOwn(SAID, prediction) ? t(SAID[prediction]) : prediction);

/** What a window alone says. @param {Window} window @param {number} threshold */
function alone({ probabilities }, threshold) {
  const [label, p] = Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a));
  return p >= threshold ? label : UNCERTAIN;
}

/** Whether windows are sure of different classes, as classifier.sure_classes. @param {Window[]} windows @param {number} threshold */
export function torn(windows, threshold) {
  return new Set(windows.map((one) => alone(one, threshold)).filter((one) => one !== UNCERTAIN)).size > 1;
}

/** Runs of windows that say the same, as recordings.timeline. @param {Window[]} windows @param {number} threshold */
export function timeline(windows, threshold) {
  /** @type {{says: string, start: number, end: number}[]} */
  const runs = [];
  for (const one of windows) {
    const says = alone(one, threshold), last = runs[runs.length - 1];
    if (last?.says === says) last.end = one.end;
    else runs.push({ says, start: one.start, end: one.end });
  }
  return runs.map(({ says, start, end }) => `${number(start, 2)}–${number(end, 2)} s ${said(says)}`).join(", ");
}

/** What the picture's colours mean. @param {{signed: boolean, rows: {kind: string}}} picture */
export function pictureWords({ signed, rows: { kind } }) {
  return t(`recording.${signed ? "signed" : "colours"}.${kind}`);
}

/** At which time of the window the map is strongest. @param {any} explanation @param {string} label */
export function mapWords({ map: { method, values, edges }, picture }, label) {
  const rows = values.map((/** @type {number[]} */ row) => Math.max(...row)), top = Math.max(...rows);
  const how = { method, label, rows: values.length, columns: values[0].length };
  if (!(top > 0)) return t("recording.mapBlank", how);
  const times = picture.columns.values, step = times.length > 1 ? times[1] - times[0] : 2 * times[0];
  const column = values[rows.indexOf(top)].indexOf(top);
  const [start, end] = [0, 1].map((i) => number(times[0] - step / 2 + edges.columns[column + i] * times.length * step, 2));
  return t("recording.mapWords", { ...how, start, end });
}

/**
 * The band that speaks most, and the clip's bands beside those of single training clips, as training_ranges.describe_outliers: in how
 * many of them a training clip itself is outside.
 * @param {{names: string[], values: number[], training: any}} bands @param {string} label
 */
export function bandWords({ names, values, training }, label) {
  const top = values.indexOf(Math.max(...values));
  const most = values[top] > 0 ? t("live.bandsMost", { band: names[top], label, worth: number(values[top], 2) }) : t("recording.bandsNone", { label });
  if (!training) return most;
  const off = names.filter((_, i) => { const x = Number(values[i].toFixed(DIGITS)); return x < training.low[i] || x > training.high[i]; });
  const { speakers, outside: { median, most: usual } } = training, where = off.length ? `: ${off.join(", ")}` : "";
  return `${most} ${t("recording.bandsOff", { off: off.length, all: names.length, label, speakers, where, median, most: usual })}`;
}
