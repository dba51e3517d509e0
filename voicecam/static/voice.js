// The page: takes a recording or a file, asks the server, shows the answer, and keeps this visit's clips in the tab.
import { drawPicture, drawWaveform, drawBands, drawPitch } from "/static/draw.js";
import { record, wav } from "/static/record.js";

const $ = (id) => document.getElementById(id);
const visit = []; // clips, newest first: {title, when, blob, body, type, query, found, tried}
let model = null;
let shown = null; // the clip on the page
let stop = null; // ends the recording that runs
let busy = false;

async function ask(path, clip, more = "") {
  const query = [clip.query, more].filter(Boolean).join("&");
  let answer;
  try {
    answer = await fetch(`${path}?${query}`, { method: "POST", body: clip.body(), headers: clip.type ? { "Content-Type": clip.type } : {} });
  } catch {
    throw new Error("the server does not answer; start it again with make serve");
  }
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

// ---- taking a clip in

async function toggle() {
  if (busy) return;
  if (stop) return finish();
  say("Opening the microphone.");
  busy = true;
  try {
    stop = await record({ most: model.most_seconds, onLevel: level, onFull: finish });
    $("record").textContent = "Stop";
    $("record").setAttribute("aria-pressed", "true");
    say("Recording. Press Stop when you are done.");
  } catch (reason) {
    fail(reason);
  }
  busy = false;
}

async function finish() {
  if (!stop) return;
  const end = stop;
  stop = null;
  $("record").textContent = "Record";
  $("record").removeAttribute("aria-pressed");
  const { samples, rate } = await end();
  level(-60, 0);
  const blob = wav(samples, rate);
  await take({ title: "recording", blob, body: () => samples, type: "application/octet-stream", query: `rate=${rate}` });
}

function level(decibels, seconds) {
  $("level").value = decibels;
  $("clock").textContent = seconds ? `${seconds.toFixed(1)} s` : "";
}

async function open(file) {
  if (!file) return;
  if (file.size > model.most_bytes) return fail(new Error(`larger than ${model.most_bytes / 1e6} MB; cut it or export it as FLAC or MP3`));
  const body = () => { const form = new FormData(); form.append("file", file, "recording"); return form; };
  await take({ title: file.name, blob: file, body, type: null, query: "" });
}

async function take(clip) {
  if (busy) return;
  busy = true;
  $("error").hidden = true;
  say("Listening.");
  const began = performance.now();
  try {
    clip.found = await ask("/api/classify", clip);
    clip.when = new Date();
    clip.tried = new Map();
    visit.unshift(clip);
    show(clip);
    document.body.dataset.took = (performance.now() - began).toFixed(1);
    listVisit();
  } catch (reason) {
    fail(reason);
  }
  busy = false;
}

function say(words) { $("status").textContent = words; }

function fail(reason) {
  say("");
  $("error").textContent = reason.message;
  $("error").hidden = false;
}

// ---- showing a clip

// 1 and 0 are kept for certainty, which a model does not have.
function share(value, digits) {
  const text = value.toFixed(digits);
  if (Number(text) === 1 && value < 1) return `>0.${"9".repeat(digits)}`;
  return Number(text) === 0 && value > 0 ? `<0.${"0".repeat(digits - 1)}1` : text;
}

function headline({ verdict, label, probability }) {
  if (label === null) return verdict;
  const best = `${label}, probability ${share(probability, 2)}`;
  return verdict === label ? best : `${verdict}; likeliest ${best}`;
}

function show(clip) {
  shown = clip;
  const { found } = clip;
  $("result").hidden = false;
  $("error").hidden = true;
  $("verdict").textContent = headline(found);
  say(`${clip.title}: ${headline(found)}.`);
  const pitch = found.f0 === null ? "nothing voiced" : `median pitch ${found.f0.toFixed(0)} Hz`;
  $("facts").textContent = found.label === null
    ? "No speech was found, so the model was not asked."
    : `${found.speech_seconds.toFixed(2)} s of speech, ${pitch}. Below ${model.threshold.toFixed(2)} the verdict is uncertain.`;
  bars(found.probabilities);
  $("timeline").hidden = found.timeline === null;
  $("timeline").textContent = found.timeline === null ? "" : `Window by window: ${found.timeline}.`;
  play($("clip"), clip.blob);
  $("save").href = $("clip").src;
  $("save").download = clip.type ? `voicecam-${clip.when.toISOString().slice(0, 19).replace(/[:T]/g, "-")}.wav` : clip.title;
  $("explanation").hidden = found.explanation === null;
  if (found.explanation) explain(found);
  draw();
}

function bars(probabilities) {
  $("probabilities").replaceChildren(...Object.entries(probabilities).map(([name, value]) => {
    const bar = make("div", "bar");
    const track = make("div", "track");
    const zone = make("div", "zone");
    const fill = make("div", "fill");
    zone.style.width = `${100 * Math.min(1, model.threshold)}%`;
    zone.title = "uncertain zone";
    fill.style.width = `${100 * value}%`;
    fill.style.background = model.colours[name];
    track.append(zone, fill);
    track.setAttribute("role", "img");
    track.setAttribute("aria-label", `${name}: ${share(value, 3)}${value < model.threshold ? ", in the uncertain zone" : ""}`);
    bar.append(make("span", "", name), track, make("span", "n", share(value, 3)));
    return bar;
  }));
}

function explain({ explanation, label }) {
  const { start, end, map, bands, sounds } = explanation;
  $("window").textContent = `The window from ${start.toFixed(2)} to ${end.toFixed(2)} s, which speaks most for ${label}; shaded in the waveform.`;
  $("map-words").textContent = map.words;
  $("picture-words").textContent = "Level, dark to light.";
  $("map").setAttribute("aria-label", map.words);
  $("picture").setAttribute("aria-label", `Picture of the window from ${start.toFixed(2)} to ${end.toFixed(2)} s, time against frequency`);
  $("sounds").hidden = sounds === null;
  for (const [name, data] of Object.entries(sounds ?? {})) play($(`sound-${name}`), fromBase64(data));
  $("bands-part").hidden = bands === null;
  if (bands) bandWords(bands, label);
  $("pitch").value = 0;
  $("pitch-value").textContent = "0";
  $("pitch-words").textContent = "";
  $("pitch-sound").hidden = true;
}

function bandWords(bands, label) {
  const { training } = bands;
  const line = "Line: how far the score falls without each band; above 0 the band speaks for the class.";
  const area = training ? ` Shaded: 8 of 10 of ${training.speakers} training speakers named ${label}; dashed: their mean.` : "";
  $("bands-words").textContent = `${bands.words} ${line}${area}`;
  $("bands").setAttribute("aria-label", bands.words);
  const head = ["band", "this clip", ...(training ? ["speakers from", "mean", "to"] : [])];
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

function draw() {
  if (!shown || $("result").hidden) return;
  const { waveform, explanation } = shown.found;
  $("waveform").hidden = waveform === null;
  if (waveform) {
    drawWaveform($("waveform"), waveform, explanation);
    $("waveform").setAttribute("aria-label", `Waveform of ${waveform.seconds.toFixed(2)} s`);
  }
  if (!explanation) return;
  drawPicture($("picture"), explanation.picture, explanation.start);
  drawPicture($("map"), explanation.picture, explanation.start, $("overlay").checked ? explanation.map : null);
  if (explanation.bands) drawBands($("bands"), explanation.bands, model.colours[shown.found.label]);
  drawPitch($("pitch-plot"), shown.tried, model.classes, model.colours, model.threshold);
  const steps = [...shown.tried.values()].map((one) => `${one.semitones}: ${one.label} ${share(one.probability, 2)}`);
  $("pitch-plot").setAttribute("aria-label", `Probability against semitones moved. ${steps.join("; ") || "Nothing tried yet"}`);
}

// ---- the pitch slider: one question at a time, the newest wish next

let moving = false;

async function move() {
  $("pitch-value").textContent = $("pitch").value;
  if (moving) return;
  moving = true;
  const clip = shown;
  try {
    for (let step = null; clip === shown && step !== Number($("pitch").value);) {
      step = Number($("pitch").value);
      if (!clip.tried.has(step)) clip.tried.set(step, await ask("/api/shift", clip, `semitones=${step}`));
      if (clip === shown) moved(clip.tried.get(step));
    }
  } catch (reason) {
    fail(reason);
  }
  moving = false;
}

function moved(found) {
  const pitch = found.f0 === null ? "" : `, median pitch ${found.f0.toFixed(0)} Hz`;
  $("pitch-words").textContent = `${found.semitones} semitones: ${headline(found)}${pitch}.`;
  $("pitch-sound").hidden = false;
  play($("pitch-sound"), fromBase64(found.wav));
  draw();
}

// ---- this visit

function listVisit() {
  $("history-part").hidden = false;
  $("history").replaceChildren(...visit.map((clip) => {
    const item = make("li");
    const row = make("div", "row");
    const again = make("button", "", "Show");
    again.type = "button";
    again.setAttribute("aria-label", `Show ${clip.title} of ${clip.when.toLocaleTimeString()}`);
    again.addEventListener("click", () => { show(clip); $("verdict").focus(); });
    row.append(again, make("span", "", `${clip.when.toLocaleTimeString()}, ${clip.title}: ${headline(clip.found)}`));
    item.append(row);
    return item;
  }));
}

// ---- small things

function make(tag, className = "", text = "") {
  const found = document.createElement(tag);
  if (className) found.className = className;
  found.textContent = text;
  return found;
}

function play(player, blob) {
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
}

function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "audio/wav" });
}

function drop(event) {
  event.preventDefault();
  $("drop").classList.remove("over");
  open(event.dataTransfer.files[0]);
}

async function begin() {
  model = await (await fetch("/api/model")).json();
  $("about").textContent = `Record a word or a sentence, or open a sound file: the model says ${model.classes.join(" or ")} (${model.label}, as its training corpora wrote it down), or that it is uncertain.`;
  $("record").addEventListener("click", toggle);
  $("file").addEventListener("change", async () => { await open($("file").files[0]); $("file").value = ""; });
  $("overlay").addEventListener("change", draw);
  $("pitch").addEventListener("input", move);
  document.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", drop);
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.body.dataset.ready = "yes";
}

begin().catch(fail);
