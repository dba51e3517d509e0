// The guided minute: six clips, each heard and guessed before the model's own answer is shown, computed here and now. Chooses none of
// the clips (server/site_clips.py does, by what the model says of them).
import { CLIPS, held } from "../engine/answers.js";
import { decode, NO_SPEECH, recognise } from "../engine/recordings.js";
import { loadModel, UNCERTAIN } from "../engine/model.js";
import { axisOf } from "../live/axis.js";
import { SLOT } from "../live/listener.js";
import { dark, drawPicture, colour } from "../live/picture.js";
import { HOP, Spectra, WINDOW } from "../live/spectra.js";
import { number, translate } from "../strings.js";
import { lay } from "../dom.js";

const HTML = `
<h2 id="minute-title" tabindex="-1"></h2>
<p id="minute-words"></p>
<p class="small" data-t="minute.voices"></p>
<div class="row"><button type="button" id="play" class="main" data-t="minute.play"></button></div>
<fieldset id="guesses"><legend data-t="minute.guess"></legend><div class="row choices"></div></fieldset>
<div id="answer" hidden>
<p class="verdict" id="minute-answer" aria-live="polite"></p>
<canvas id="minute-picture" role="img"></canvas>
<p id="lesson"></p>
<div class="row"><button type="button" id="next" class="main"></button></div>
</div>`;

/** @typedef {import("../engine/model.js").Context} Context */
/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {{file: string, truth: string[], kind: string, made: any}} Clip  of clips.json */

/** @param {HTMLElement} element @param {Context} context */
export async function mount(element, context) {
  const folder = new URL("../examples/", import.meta.url);
  const model = context.model?.name === context.models[0] ? context.model : await loadModel(new URL(`../models/${context.models[0]}/`, import.meta.url));
  const answer = await fetch(new URL("clips.json", folder)), clips = held(await answer.json().catch(() => null), CLIPS, "examples/clips.json");
  const view = new Minute(element, context, model, clips, folder);
  view.show(0);
  document.addEventListener("language", () => { if (view.$("answer")?.hidden) view.show(view.at); }, { signal: view.left.signal });
  return view;
}

class Minute {
  /** @param {HTMLElement} element @param {Context} context @param {Model} model @param {Clip[]} clips @param {URL} folder  theirs */
  constructor(element, context, model, clips, folder) {
    /** @type {any} */ this.element = element;
    this.context = context;
    this.model = model;
    this.clips = clips;
    this.folder = folder;
    this.t = context.t;
    this.right = 0;
    this.at = 0;
    this.left = new AbortController(); // of what it hears while it is shown
    /** @type {AudioBufferSourceNode | null} */ this.playing = null;
    /** @type {ReturnType<typeof decode>} */ this.sound;
    /** @type {ReturnType<typeof recognise>} */ this.found;
  }

  /** @param {string} id @returns {any} */
  $(id) { return this.element.querySelector(`#${id}`); }

  stop() { this.playing?.stop(); this.left.abort(); }

  /** @param {number} at */
  async show(at) {
    const { element, clips, t, model } = this, clip = clips[at];
    this.at = at;
    lay(element, HTML);
    translate(element);
    this.$("minute-title").textContent = t("minute.clip", { n: at + 1, all: clips.length });
    this.$("minute-words").textContent = t(at ? "minute.again" : "minute.intro");
    const choices = [...model.classes, UNCERTAIN, NO_SPEECH];
    const buttons = choices.map((name) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: this.word(name) });
      button.dataset.guess = name;
      button.onclick = () => this.guessed(name);
      return button;
    });
    element.querySelector(".choices").append(...buttons);
    this.$("play").onclick = () => this.play();
    if (at) this.$("minute-title").focus();
    this.sound = fetch(new URL(clip.file, this.folder)).then((answer) => answer.blob()).then(decode);
    this.found = this.sound.then(({ samples, rate }) => recognise(model, samples, rate));
    await this.found;
  }

  /** @param {string} name */
  word(name) { return name === UNCERTAIN ? this.t("live.uncertain") : name === NO_SPEECH ? this.t("live.noSpeech") : name; }

  async play() {
    const { audio } = this.context, { samples, rate } = await this.sound, buffer = audio.createBuffer(1, samples.length, rate);
    this.playing?.stop();
    buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), 0);
    await audio.resume();
    this.playing = new AudioBufferSourceNode(audio, { buffer });
    this.playing.connect(audio.destination);
    this.playing.start();
  }

  /** @param {string} guess */
  async guessed(guess) {
    const { clips, t, at } = this, clip = clips[at], found = await this.found, hit = guess === found.prediction;
    if (!this.$("answer").hidden) return;
    this.right += hit ? 1 : 0;
    for (const button of this.element.querySelectorAll("[data-guess]")) {
      button.disabled = true;
      if (button.dataset.guess === guess) button.setAttribute("aria-pressed", "true");
    }
    const p = found.probability === null ? "" : t("minute.sure", { label: found.label, p: number(found.probability, 2) });
    this.$("minute-answer").textContent = `${t(hit ? "minute.hit" : "minute.miss", { answer: this.word(found.prediction) })} ${p}`;
    this.$("minute-answer").dataset.prediction = found.prediction;
    const truth = clip.truth.length ? t("minute.truth", { truth: clip.truth.join(", ") }) : t("minute.nobody");
    this.$("lesson").textContent = `${truth} ${t(`minute.lessons.${clip.kind}`, clip.made)}`;
    const last = at + 1 === clips.length;
    this.$("next").textContent = last ? t("minute.over", { right: this.right, all: clips.length }) : t("minute.next");
    this.$("next").onclick = () => { if (last) this.right = 0; this.show(last ? 0 : at + 1); };
    this.$("answer").hidden = false;
    await this.draw(found);
    this.$("next").focus({ preventScroll: true });
  }

  /** The recording's picture, with the maps of its windows. @param {Awaited<ReturnType<typeof recognise>>} found */
  async draw(found) {
    const { samples, rate } = await this.sound, { model } = this, axis = axisOf(model.config), spectra = new Spectra(axis, dark() ? "dark" : "light");
    const whole = new Float32Array(WINDOW + samples.length);
    whole.set(samples, WINDOW);
    for (let c = 0; c * HOP + WINDOW <= whole.length; c++) spectra.write(c, whole.subarray(c * HOP, c * HOP + WINDOW));
    const slots = new Map();
    for (const one of found.windows) place(slots, one, model, found.pieces);
    const still = { model, slots, time: samples.length / rate, pitch: new Float32Array(1).fill(NaN) };
    const canvas = this.$("minute-picture");
    drawPicture(canvas, still, spectra, axis, { from: 0, to: still.time, map: true, pitch: false });
    canvas.setAttribute("aria-label", this.t("minute.pictureLabel"));
    this.$("minute-answer").style.color = found.label === found.prediction && found.best !== undefined ? colour(found.best) : "";
  }
}

/**
 * Lay a window's map of its own likeliest class over the recording's time.
 * @param {Map<number, import("../live/listener.js").Slot>} slots
 * @param {{start: number, end: number, probabilities: number[], maps: Float32Array}} one  times in the speech
 * @param {Model} model @param {{start: number, end: number}[]} pieces  of the recording that are speech
 */
function place(slots, one, model, pieces) {
  const best = one.probabilities.indexOf(Math.max(...one.probabilities)), { mapRows: rows, mapColumns: columns, mapEdges: edges } = model;
  const base = best * rows * columns;
  for (let share = SLOT / 4; share < 1; share += SLOT / 2) {
    const spoken = one.start + share * model.config.seconds;
    if (spoken >= one.end) break;
    let time = spoken;
    for (const piece of pieces) { // a moment of the speech -> one of the recording
      if (time <= piece.end - piece.start) { time += piece.start; break; }
      time -= piece.end - piece.start;
    }
    const slot = Math.floor(time / SLOT), column = Math.max(0, Math.min(columns - 1, edges.columns.findIndex((edge) => edge > share) - 1));
    let kept = slots.get(slot);
    if (!kept || kept.label !== best) slots.set(slot, (kept = { label: best, sum: new Float32Array(rows), n: 0 }));
    for (let r = 0; r < rows; r++) kept.sum[r] += one.maps[base + r * columns + column];
    kept.n++;
  }
}
