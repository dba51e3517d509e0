// The page: takes a recording or a file, asks the server, shows the answer, and keeps this visit's clips in the tab.
import { ask } from "/static/ask.js";
import { decode } from "/static/decode.js";
import { drawPicture, drawWaveform, drawBands, drawPitch } from "/static/draw.js";
import { fileName } from "/static/names.js";
import { record, wav } from "/static/record.js";
import { $, fromBase64, headline, make, play, showExplanation, showSounds, showPrediction } from "/static/show.js";

const visit = []; // clips, newest first, see `clipOf`
let model = null; // the one that is asked; a clip keeps the one that answered about it
let shown = null; // the clip on the page
let kept = null; // the clip that waits for an answer
let stop = null; // ends the recording that runs
let opening = false; // the microphone
let queue = Promise.resolve(); // clips are asked about one after another

// ---- taking a clip in

// found : the server's answer; heard : that about its sounds; tried : its answers at other pitches; step : the one shown. samples : of what can be saved as WAV.
function clipOf(title, more) {
  return { title, when: new Date(), found: null, tried: new Map(), step: 0, ...more };
}

// float32 samples, which go to the server as they are.
function rawClip(title, { samples, rate }) {
  const request = { query: `rate=${rate}`, type: "application/octet-stream", body: () => samples };
  return clipOf(title, { ...request, samples, blob: wav(samples, rate) });
}

function fileClip(file) {
  const body = () => { const form = new FormData(); form.append("file", file, "recording"); return form; };
  return clipOf(file.name, { query: "", type: null, body, samples: null, blob: file });
}

function askAbout(path, clip, more = "", by = clip.model) {
  const named = by.models.length > 1 ? `model=${encodeURIComponent(by.name)}` : "";
  const query = [clip.query, more, named].filter(Boolean).join("&");
  return ask(`${path}?${query}`, { method: "POST", body: clip.body(), headers: clip.type ? { "Content-Type": clip.type } : {} });
}

async function toggle() {
  if (stop) return finish();
  if (opening) return;
  say("Opening the microphone.");
  opening = true;
  try {
    stop = await record({ most: model.most_seconds, onLevel: level, onFull: finish });
    $("record").textContent = "Stop";
    $("record").setAttribute("aria-pressed", "true");
    say("Recording. Press Stop when you are done.");
  } catch (reason) {
    fail(reason);
  }
  opening = false;
}

async function finish() {
  if (!stop) return;
  const end = stop;
  stop = null;
  $("record").textContent = "Record";
  $("record").removeAttribute("aria-pressed");
  const heard = await end();
  level(-60, 0);
  await take(rawClip("recording", heard));
}

function level(decibels, seconds) {
  $("level").value = decibels;
  $("clock").textContent = seconds ? `${seconds.toFixed(1)} s` : "";
}

async function open(file) {
  if (!file) return;
  try {
    if (file.size > model.most_bytes) throw new Error(`larger than ${model.most_bytes / 1e6} MB; cut it or export it as FLAC or MP3`);
    const sound = await decode(file, model.most_seconds);
    await take(sound ? rawClip(file.name, sound) : fileClip(file));
  } catch (reason) {
    fail(reason, file.name);
  }
}

function take(clip) {
  queue = queue.then(() => judge(clip));
  return queue;
}

async function judge(clip) {
  $("error").hidden = $("kept").hidden = true;
  say("Listening.");
  const began = performance.now();
  try {
    const by = model;
    const found = await askAbout("/api/classify", clip, "", by);
    Object.assign(clip, { found, model: by, heard: undefined, tried: new Map(), step: 0 });
    enter(clip);
    show(clip);
    document.body.dataset.took = (performance.now() - began).toFixed(1);
  } catch (reason) {
    fail(reason, clip.title);
    if (!clip.found && (reason.again || clip.samples?.length)) keep(clip);
  }
}

// A clip without an answer stays: it can be heard, saved, and asked about again.
function keep(clip) {
  kept = clip;
  $("kept").hidden = false;
  $("kept-words").textContent = `${clip.title} of ${clip.when.toLocaleTimeString()}: no answer yet; it is kept in this tab.`;
  play($("kept-clip"), clip.blob);
  enter(clip);
}

function say(words) { $("status").textContent = words; }

// An error stands alone: an older clip's prediction beside it would look like the answer. about : the clip's title, which is named.
function fail(reason, about = "") {
  say("");
  shown = null;
  $("result").hidden = $("kept").hidden = true;
  $("error").textContent = about ? `${about}: ${reason.message.replace(/^recording: /, "")}` : reason.message; // the server knows no names
  $("error").hidden = false;
}

// ---- showing a clip

function show(clip) {
  shown = clip;
  wish = null;
  if (clip.model !== model) use(clip.model);
  const { found } = clip;
  $("result").hidden = false;
  $("error").hidden = $("kept").hidden = true;
  showPrediction(found, model);
  say(`${clip.title}: ${headline(found)}.${found.disagreement === null ? "" : " The windows disagree."}`);
  play($("clip"), clip.blob);
  $("explanation").hidden = found.explanation === null;
  if (found.explanation) showExplanation(found, model);
  showStep(clip);
  draw();
  hear();
}

// A link that saves a clip: what was recorded or decoded here as WAV, named after speaker and word; a file as it is.
function save(link, clip) {
  link.href = link.parentElement.querySelector("audio").src;
  link.download = clip.samples ? fileName($("speaker").value, $("word").value, clip.when) : clip.title;
}

function draw() {
  if (!shown) return;
  const { waveform, explanation } = shown.found;
  $("waveform").hidden = waveform === null;
  if (waveform) {
    drawWaveform($("waveform"), waveform, explanation);
    $("waveform").setAttribute("aria-label", `Waveform of ${waveform.seconds.toFixed(2)} s`);
  }
  if (!explanation) return;
  drawPicture($("picture"), explanation.picture);
  drawPicture($("map"), explanation.picture, $("overlay").checked ? explanation.map : null);
  const { classes, colours, threshold } = shown.model;
  if (explanation.bands) drawBands($("bands"), explanation.bands, colours[shown.found.label]);
  drawPitch($("pitch-plot"), shown.tried, classes, colours, threshold);
  const steps = [...shown.tried.values()].map((one) => `${one.semitones}: ${headline(one)}`);
  $("pitch-plot").setAttribute("aria-label", `Probability against semitones moved. ${steps.join("; ") || "Nothing tried yet"}`);
}

// ---- the evidence as sound: asked for when it is opened

async function hear() {
  const clip = shown;
  if (!$("sounds").open || $("sounds").hidden || !clip?.found.explanation) return;
  showSounds({ words: "Asking the model about the sounds." });
  try {
    const by = clip.model;
    const heard = clip.heard ?? await askAbout("/api/sounds", clip);
    if (clip.model !== by) return; // another model was chosen meanwhile
    clip.heard = heard;
    if (clip === shown) showSounds(heard);
  } catch (reason) {
    if (clip === shown) showSounds({ words: `${reason.message}.` });
  }
}

// ---- the pitch slider: one question at a time, the newest wish next

let wish = null; // {clip, step} to be asked about
let moving = false;

async function move() {
  $("pitch-value").textContent = $("pitch").value;
  wish = { clip: shown, step: Number($("pitch").value) };
  if (moving) return;
  moving = true;
  while (wish) {
    const { clip, step } = wish;
    wish = null;
    const words = await tryStep(clip, step);
    if (clip === shown && !wish) showStep(clip, words);
  }
  moving = false;
}

// Ask about a step; what went wrong in words, "" where nothing did.
async function tryStep(clip, step) {
  try {
    if (!clip.tried.has(step)) clip.tried.set(step, await askAbout("/api/shift", clip, `semitones=${step}`));
    clip.step = step;
    return "";
  } catch (reason) {
    return `${step} semitones: ${reason.message}.`;
  }
}

// The last step that was answered: slider, words, sound and plot tell of the same one. problem : what is said instead of it.
function showStep(clip, problem = "") {
  const found = clip.tried.get(clip.step);
  $("pitch").value = clip.step;
  $("pitch-value").textContent = clip.step;
  const pitch = found?.f0 ? `, median pitch ${found.f0.toFixed(0)} Hz` : "";
  $("pitch-words").textContent = problem || (found ? `${found.semitones} semitones: ${headline(found)}${pitch}.` : "");
  $("pitch-sound").hidden = !found;
  if (found) play($("pitch-sound"), fromBase64(found.wav));
  draw();
}

// ---- this visit

// Put a clip on the list, once, and draw the list anew.
function enter(clip) {
  if (!visit.includes(clip)) visit.unshift(clip);
  $("history-part").hidden = false;
  $("history").replaceChildren(...visit.map((one) => {
    const item = make("li");
    const row = make("div", "row");
    const name = one.found ? "Show" : "Try again";
    const again = make("button", "", name);
    again.type = "button";
    again.setAttribute("aria-label", `${name} ${one.title} of ${one.when.toLocaleTimeString()}`);
    again.addEventListener("click", () => revisit(one));
    row.append(again, make("span", "", `${one.when.toLocaleTimeString()}, ${one.title}: ${one.found ? headline(one.found) : "no answer yet"}`));
    item.append(row);
    return item;
  }));
}

async function revisit(clip) {
  if (!clip.found) await take(clip);
  else show(clip);
  if (shown === clip) $("prediction").focus();
}

// ---- several models

// From now on this one is asked.
function use(facts) {
  model = facts;
  $("model").value = model.name;
  $("about").textContent = `Record a word or a sentence, or open a sound file: the model says ${model.classes.slice(0, -1).join(", ")} or ${model.classes.at(-1)} (${model.label}, as its training corpora wrote it down), or that it is uncertain.`;
}

// Another model: it is asked about the clip on the page at once.
async function change() {
  try {
    use(await ask(`/api/model?model=${encodeURIComponent($("model").value)}`));
    if (shown) await take(shown);
  } catch (reason) {
    fail(reason);
  }
}

// ---- the beginning

function drop(event) {
  event.preventDefault();
  $("drop").classList.remove("over");
  open(event.dataTransfer.files[0]);
}

async function begin() {
  const first = await ask("/api/model");
  $("models").hidden = first.models.length < 2;
  $("model").replaceChildren(...first.models.map((name) => Object.assign(make("option", "", name), { value: name })));
  $("model").addEventListener("change", change);
  use(first);
  $("record").addEventListener("click", toggle);
  $("file").addEventListener("change", async () => { await open($("file").files[0]); $("file").value = ""; });
  $("save").addEventListener("click", () => save($("save"), shown));
  $("kept-save").addEventListener("click", () => save($("kept-save"), kept));
  $("again").addEventListener("click", () => revisit(kept));
  $("overlay").addEventListener("change", draw);
  $("pitch").addEventListener("input", move);
  $("sounds").addEventListener("toggle", hear);
  document.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", drop);
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.body.dataset.ready = "yes";
}

begin().catch(fail);
