// An answer of the server -> words, bars and tables on the page. Draws no canvas and asks nothing.
import { inZone, uncertainZone } from "/static/draw.js";

const FILLED = 0.03; // s; a hop of the network's pictures, by which a window may be shorter

export const $ = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const found = document.createElement(tag);
  if (className) found.className = className;
  found.textContent = text;
  return found;
}

export function play(player, blob) {
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
}

export function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "audio/wav" });
}

// 1 and 0 are kept for certainty, which a model does not have.
export function share(value, digits) {
  const text = value.toFixed(digits);
  if (Number(text) === 1 && value < 1) return `>0.${"9".repeat(digits)}`;
  return Number(text) === 0 && value > 0 ? `<0.${"0".repeat(digits - 1)}1` : text;
}

export function headline({ prediction, label, probability }) {
  if (label === null) return prediction;
  const best = `${label}, probability ${share(probability, 2)}`;
  return prediction === label ? best : `${prediction}; likeliest ${best}`;
}

// Every model's verdict in one line, where there are several: "voice: female 0.98 · embedding: uncertain, likeliest female 0.60".
function verdictLine(verdicts) {
  return verdicts.map(({ model, prediction, label, probability }) => {
    if (label === null) return `${model}: ${prediction}`;
    const best = `${label} ${share(probability, 2)}`;
    return `${model}: ${prediction === label ? best : `${prediction}, likeliest ${best}`}`;
  }).join(" \u00b7 ");
}

// All that is said of a recording beside its explanation.
export function showPrediction(found, model) {
  $("prediction").textContent = headline(found);
  $("verdicts").hidden = found.verdicts.length < 2;
  $("verdicts").textContent = verdictLine(found.verdicts);
  $("disagreement").hidden = found.disagreement === null;
  $("disagreement").textContent = found.disagreement ?? "";
  const pitch = found.f0 === null ? "nothing voiced" : `median pitch ${found.f0.toFixed(0)} Hz`;
  const limit = model.threshold > 0 ? ` The prediction is uncertain where the likeliest class has less than ${model.threshold.toFixed(2)}.` : "";
  $("facts").textContent = found.label === null
    ? "No speech was found, so the model was not asked."
    : `${found.speech_seconds.toFixed(2)} s of speech${found.doubtful ? ", or it may be music or noise" : ""}, ${pitch}.${limit}`;
  bars(found.probabilities, model);
  const line = found.disagreement === null ? found.timeline : null; // the disagreement holds the timeline
  $("timeline").hidden = line === null;
  $("timeline").textContent = line === null ? "" : `Window by window: ${line}.`;
}

function bars(probabilities, { threshold, classes, colours }) {
  $("probabilities").replaceChildren(...Object.entries(probabilities).map(([name, value]) => {
    const bar = make("div", "bar");
    const track = make("div", "track");
    const fill = make("div", "fill");
    const inside = inZone(probabilities, name, threshold);
    if (classes.length === 2 || value === Math.max(...Object.values(probabilities))) track.append(...zone(classes, threshold));
    fill.style.width = `${100 * value}%`;
    fill.style.background = colours[name];
    track.append(fill);
    track.setAttribute("role", "img");
    track.setAttribute("aria-label", `${name}: ${share(value, 3)}${inside ? ", in the uncertain zone" : ""}`);
    bar.append(make("span", "", name), track, make("span", "n", share(value, 3)));
    return bar;
  }));
}

// The uncertain zone as a part of a bar's track; none where nothing is uncertain.
function zone(classes, threshold) {
  const [from, to] = uncertainZone(classes, threshold);
  if (from >= to) return [];
  const found = make("div", "zone");
  found.style.left = `${100 * from}%`;
  found.style.width = `${100 * (to - from)}%`;
  found.title = "uncertain zone";
  return [found];
}

// The explanation's words and table, and the pitch slider at its start.
export function showExplanation({ explanation, label }, model) {
  const { start, end, picture, map, bands } = explanation;
  const place = `from ${start.toFixed(2)} to ${end.toFixed(2)} s`;
  $("window").textContent = `The window ${place}, which speaks most for ${label}; shaded in the waveform.${length(end - start, model.window_seconds)}`;
  $("map-words").textContent = bands === null || onSound(model) ? map.words : `${map.words} Its cells are coarser than the bands: for those see Bands.`;
  $("picture-words").textContent = picture.words;
  $("map").setAttribute("aria-label", map.words);
  $("picture").setAttribute("aria-label", `Picture of the window ${place}, time against ${picture.rows.kind}`);
  $("sounds").hidden = model.features === "mfcc-2020" || onSound(model); // they have no way back from mel energies to sound
  $("bands-part").hidden = bands === null;
  if (bands) bandWords(bands, label, onSound(model));
}

// The evidence as sound; without an answer yet, `words` alone.
export function showSounds({ sounds = null, words }) {
  $("sounds-words").textContent = words;
  $("sound-players").hidden = sounds === null;
  for (const [name, data] of Object.entries(sounds ?? {})) play($(`sound-${name}`), fromBase64(data));
}

// Why a window of the recording is not as long as the network's.
function length(seconds, wanted) {
  if (seconds > wanted + FILLED) return " Pauses in it are cut out.";
  return seconds < wanted - FILLED ? ` It is shorter than the ${wanted} s that the network takes, and is filled up.` : "";
}

// Whether the model hears sound and is shown no picture.
function onSound({ features }) {
  return features === "encoder" || features === "waveform";
}

function bandWords(bands, label, ofSound) {
  const { training } = bands;
  const without = ofSound ? "is taken out of the sound" : "is made as in the average training clip";
  const line = `Line: how far the score falls when a band ${without}; above 0 the band speaks for the class.`;
  const area = training ? ` Shaded: 8 of 10 training clips named ${label}; dashed: their mean.` : "";
  $("bands-words").textContent = `${bands.words} ${line}${area}`;
  $("bands").setAttribute("aria-label", bands.words);
  const head = ["band", "this clip", ...(training ? ["8 of 10 clips from", "mean", "to"] : [])];
  const rows = bands.names.map((name, i) => [name, bands.values[i], ...(training ? [training.low[i], training.mean[i], training.high[i]] : [])]);
  const top = make("thead");
  top.append(lineOf(head, "th"));
  const body = make("tbody");
  body.append(...rows.map(([name, ...numbers]) => lineOf([name, ...numbers.map((value) => value.toFixed(2))], "td")));
  $("bands-table").replaceChildren(top, body);
}

function lineOf(texts, kind) {
  const row = make("tr");
  row.append(...texts.map((text, i) => {
    const cell = make(i === 0 || kind === "th" ? "th" : "td", i ? "n" : "", text);
    if (cell.tagName === "TH") cell.scope = kind === "th" ? "col" : "row";
    return cell;
  }));
  return row;
}
