// An answer about a recording -> words, bars and tables on the page, whoever gave it. Draws no canvas and asks nothing.
import { language, number, t } from "../strings.js";
import { make } from "../dom.js";
import { inZone, uncertainZone } from "./draw.js";
import * as words from "./words.js";

const { said } = words;

const FILLED = 0.03; // s; a hop of the network's pictures, by which a window may be shorter

/** @typedef {(id: string) => any} Find  an element of the view */
/** @typedef {import("../engine/backend.js").Facts} Facts */

/** @param {HTMLAudioElement} player @param {Blob} blob */
export function play(player, blob) {
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
}

/** 1 and 0 are kept for certainty, which a model does not have. @param {number} value @param {number} digits */
export function share(value, digits) {
  const least = 10 ** -digits, rounded = Number(value.toFixed(digits));
  if (rounded === 1 && value < 1) return `>${number(1 - least, digits)}`;
  return rounded === 0 && value > 0 ? `<${number(least, digits)}` : number(value, digits);
}

/** @param {{prediction: string, label: string | null, probability: number}} found */
export function headline({ prediction, label, probability }) {
  if (label === null) return said(prediction);
  const best = t("recording.best", { label, p: share(probability, 2) });
  return prediction === label ? best : t("recording.likeliest", { said: said(prediction), best });
}

/** Names as a sentence has them: "a, b or c". @param {string[]} names */
export function either(names) {
  return new Intl.ListFormat(language(), { type: "disjunction" }).format(names);
}

/** Every model's verdict in one line: "voice: female 0.98 · embedding: uncertain, likeliest female 0.60". @param {any[]} verdicts */
function verdictLine(verdicts) {
  return verdicts.map(({ model, prediction, label, probability }) => {
    if (label === null) return `${model}: ${said(prediction)}`;
    const best = `${label} ${share(probability, 2)}`;
    return `${model}: ${prediction === label ? best : t("recording.likeliestShort", { said: said(prediction), best })}`;
  }).join(" \u00b7 ");
}

/** All that is said of a recording beside its explanation. @param {Find} $ @param {any} found @param {Facts} model */
export function showPrediction($, found, model) {
  $("prediction").textContent = headline(found);
  $("verdicts").hidden = found.verdicts.length < 2;
  $("verdicts").textContent = verdictLine(found.verdicts);
  const torn = words.torn(found.windows, model.threshold), line = found.windows.length > 1 ? words.timeline(found.windows, model.threshold) : "";
  $("disagreement").hidden = !torn;
  $("disagreement").textContent = torn ? t("recording.torn", { line }) : "";
  $("timeline").hidden = torn || !line; // the disagreement holds it
  $("timeline").textContent = $("timeline").hidden ? "" : t("recording.timeline", { line });
  $("facts").textContent = facts(found, model);
  bars($("probabilities"), found.probabilities, model);
}

/** @param {any} found @param {Facts} model */
function facts({ label, speech_seconds: seconds, doubtful, f0 }, { threshold }) {
  if (label === null) return t("recording.notAsked");
  const pitch = f0 === null ? t("recording.unvoiced") : t("recording.pitch", { hz: number(f0, 0) });
  const limit = threshold > 0 ? ` ${t("recording.limit", { threshold: number(threshold, 2) })}` : "";
  return t(doubtful ? "recording.doubtful" : "recording.speech", { seconds: number(seconds, 2), pitch }) + limit;
}

/** @param {HTMLElement} element @param {Record<string, number>} probabilities @param {Facts} model */
function bars(element, probabilities, { threshold, classes, colours }) {
  const most = Math.max(...Object.values(probabilities));
  element.replaceChildren(...Object.entries(probabilities).map(([name, value]) => {
    const fill = make("div", { class: "fill" }), words = { name, p: share(value, 3) };
    fill.style.width = `${100 * value}%`;
    fill.style.background = colours[name];
    const label = t(inZone(probabilities, name, threshold) ? "recording.barInZone" : "recording.bar", words);
    const track = make("div", { class: "track", role: "img", "aria-label": label });
    if (classes.length === 2 || value === most) track.append(...zone(classes, threshold));
    track.append(fill);
    return make("div", { class: "bar" }, make("span", {}, name), track, make("span", { class: "n" }, words.p));
  }));
}

/** The uncertain zone as a part of a bar's track; none where nothing is uncertain. @param {string[]} classes @param {number} threshold */
function zone(classes, threshold) {
  const [from, to] = uncertainZone(classes, threshold);
  if (from >= to) return [];
  const found = make("div", { class: "zone", title: t("recording.zone") });
  found.style.left = `${100 * from}%`;
  found.style.width = `${100 * (to - from)}%`;
  return [found];
}

/** The explanation's words and table, and the pitch slider at its start. @param {Find} $ @param {any} found @param {Facts} model */
export function showExplanation($, { explanation, label }, model) {
  const { start, end, picture, map, bands } = explanation, place = { start: number(start, 2), end: number(end, 2) };
  const strongest = onSound(model) ? map.words : words.mapWords(explanation, label);
  $("window").textContent = `${t("recording.window", { ...place, label })}${length(end - start, model.window_seconds)}`;
  $("map-words").textContent = bands === null || onSound(model) ? strongest : `${strongest} ${t("recording.coarser")}`;
  $("picture-words").textContent = words.pictureWords(picture);
  $("map").setAttribute("aria-label", strongest);
  $("picture").setAttribute("aria-label", t(`recording.pictureOf.${picture.rows.kind}`, place));
  $("sounds").hidden = model.features === "mfcc-2020" || onSound(model); // they have no way back from mel energies to sound
  $("bands-part").hidden = bands === null;
  if (bands) showBands($, bands, label, onSound(model));
}

/** The evidence as sound; without an answer yet, `words` alone. @param {Find} $ @param {{sounds?: Record<string, Blob> | null, words: string}} heard */
export function showSounds($, { sounds = null, words: about }) {
  $("sounds-words").textContent = about;
  $("sound-players").hidden = sounds === null;
  for (const [name, blob] of Object.entries(sounds ?? {})) play($(`sound-${name}`), blob);
}

/** Why a window of the recording is not as long as the network's. @param {number} seconds @param {number} wanted */
function length(seconds, wanted) {
  if (seconds > wanted + FILLED) return ` ${t("recording.pauses")}`;
  return seconds < wanted - FILLED ? ` ${t("recording.short", { seconds: wanted })}` : "";
}

/** Whether the model hears sound and is shown no picture. @param {Facts} model */
function onSound({ features }) {
  return features === "encoder" || features === "waveform";
}

/** @param {Find} $ @param {any} bands @param {string} label @param {boolean} ofSound */
function showBands($, bands, label, ofSound) {
  const { names, values, training } = bands, most = ofSound ? bands.words : words.bandWords(bands, label);
  const line = t(ofSound ? "recording.bandsOfSound" : "recording.bandsLine");
  const area = training ? ` ${t("recording.bandsArea", { label })}` : "";
  $("bands-words").textContent = `${most} ${line}${area}`;
  $("bands").setAttribute("aria-label", most);
  const head = ["live.band", "recording.thisClip", ...(training ? ["recording.low", "recording.mean", "recording.high"] : [])].map((key) => t(key));
  const rows = names.map((/** @type {string} */ name, /** @type {number} */ i) => [name, values[i], ...(training ? [training.low[i], training.mean[i], training.high[i]] : [])]);
  const cells = (/** @type {any[]} */ [name, ...numbers]) => [make("th", { scope: "row" }, name), ...numbers.map((value) => make("td", { class: "n" }, number(value, 2)))];
  $("bands-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((text, i) => make("th", { scope: "col", class: i ? "n" : null }, text)))),
    make("tbody", {}, ...rows.map((/** @type {any[]} */ row) => make("tr", {}, ...cells(row)))),
  );
}
