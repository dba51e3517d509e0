// The picture standing still: choose a moment by mouse or keys, hear it, and see which bands speak for its answer.
import { named } from "./axis.js";
import { gainOf, split } from "./evidence.js";
import { colour, fitted } from "./picture.js";
import { prepared } from "./listener.js";
import { mountMoved } from "./moved.js";
import { number, translate } from "../strings.js";
import { lay } from "../dom.js";

const HTML = `
<h2 data-t="live.frozenTitle"></h2>
<p data-t="live.frozenWords"></p>
<div class="row"><label class="wide"><span data-t="live.moment"></span> <input type="range" id="moment" step="0.05"></label>
<output id="moment-words" for="moment"></output><button type="button" id="hear" class="main" data-t="live.hear"></button><button type="button" id="hear-all" data-t="live.hearAll"></button></div>
<div class="row"><button type="button" id="hear-evidence" data-t="live.hearEvidence" disabled></button><button type="button" id="hear-rest" data-t="live.hearRest" disabled></button></div>
<p id="evidence-words" class="small"></p>
<div id="moved"></div>
<h3 id="bands-title"></h3>
<p id="bands-words" aria-live="polite"></p>
<canvas id="bands" role="img" data-t-aria="live.bandsLabel"></canvas>
<details><summary data-t="live.table"></summary><div class="scroll" tabindex="0" role="region" data-t-aria="live.table"><table id="bands-table"></table></div></details>`;

/** @typedef {{start: number, end: number}} Part  s */

export class Frozen {
  /** @param {HTMLElement} element @param {import("../engine/model.js").Context} context @param {() => void} changed */
  constructor(element, context, changed) {
    /** @type {any} */ this.element = element;
    this.context = context;
    this.changed = changed;
    this.t = context.t;
    /** @type {any} */ this.listener = null; // a Listener while it is shown
    /** @type {Part | null} */ this.chosen = null;
    /** @type {any} */ this.answer = null; // its answer for that part
    /** @type {{evidence: Float32Array, rest: Float32Array} | null} */ this.parts = null;
    /** @type {AudioBufferSourceNode | null} */ this.playing = null;
    this.asked = 0;
  }

  /** @param {import("./listener.js").Listener} listener  that has stopped listening */
  show(listener) {
    const { element } = this;
    this.listener = listener;
    lay(element, HTML);
    translate(element);
    element.hidden = false;
    const slider = element.querySelector("#moment"), from = Math.max(0, listener.time - 10);
    Object.assign(slider, { min: from, max: listener.time });
    slider.oninput = () => this.choose(Number(slider.value));
    element.querySelector("#hear").onclick = () => this.play(this.chosen);
    element.querySelector("#hear-all").onclick = () => this.play({ start: from, end: listener.time });
    for (const part of /** @type {const} */ (["evidence", "rest"])) element.querySelector(`#hear-${part}`).onclick = () => this.parts && this.sound(this.parts[part]);
    const given = { model: listener.model, t: this.t, samples: () => this.samples(/** @type {Part} */ (this.chosen)), play: (/** @type {Float32Array} */ x) => this.sound(x) };
    mountMoved(element.querySelector("#moved"), given);
    const spoken = listener.answers.filter((one) => one.speech), best = spoken.sort((a, b) => b.probability - a.probability)[0];
    this.choose(best ? Math.max(0.5, best.time - 0.5) : listener.time / 2);
  }

  hide() {
    this.playing?.stop();
    this.listener = this.chosen = this.answer = this.parts = null;
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** In another language. */
  again() {
    if (!this.listener || !this.chosen) return;
    const middle = (this.chosen.start + this.chosen.end) / 2;
    this.show(this.listener);
    this.choose(middle);
  }

  /** The second around a moment. @param {number} time  s */
  async choose(time) {
    const { listener, element, t } = this, { model, sound } = listener, half = model.config.seconds / 2;
    const oldest = Math.max(0, listener.time - sound.length / 16000);
    const middle = Math.min(Math.max(time, oldest + half), Math.max(oldest + half, listener.time - half));
    this.chosen = { start: Math.max(oldest, middle - half), end: Math.min(listener.time, middle + half) };
    element.querySelector("#moment").value = String(middle);
    const words = t("live.momentWords", { start: number(this.chosen.start, 2), end: number(this.chosen.end, 2) });
    element.querySelector("#moment-words").textContent = words;
    element.querySelector("#moment").setAttribute("aria-valuetext", words);
    this.changed();
    this.takeApart(null);
    const mine = ++this.asked, second = this.samples(this.chosen), samples = prepared(second, model);
    if (!samples.some((x) => x !== 0)) return;
    const found = await model.analyse(samples), said = model.verdict(found.probabilities);
    if (mine !== this.asked || !this.listener) return;
    const { start, end } = /** @type {Part} */ (this.chosen), { answers } = /** @type {import("./listener.js").Listener} */ (listener);
    const heard = answers.some((one) => one.speech && one.time > start + 0.1 && one.time < end + 0.3);
    this.answer = { ...said, speech: heard, sure: said.probability >= model.threshold, time: middle };
    this.changed();
    this.takeApart(gainOf(found.maps, said.best, model, second.length), second, said.label);
    const worth = await model.bandWorth(samples, said.best);
    if (mine !== this.asked || !this.listener) return;
    this.bands(worth, said, heard);
  }

  /** Evidence and rest of the chosen second, to be heard. @param {import("./evidence.js").Gain | null} gain  null where there is none @param {Float32Array} [sound] @param {string} [label] */
  takeApart(gain, sound, label) {
    const { element, listener: { model }, t } = this;
    this.parts = gain && sound ? split(sound, 16000, gain) : null;
    for (const part of ["evidence", "rest"]) element.querySelector(`#hear-${part}`).disabled = !this.parts;
    const how = { label, rows: model.mapRows, columns: model.mapColumns };
    const said = !sound || model.config.features !== "logmel" ? "" : t(this.parts ? "live.evidenceHow" : "live.evidenceNone", how);
    element.querySelector("#evidence-words").textContent = said;
  }

  /** @param {Part} part @returns {Float32Array} */
  samples({ start, end }) {
    return this.listener.stretch(Math.round(start * 16000), Math.round(end * 16000));
  }

  /** @param {Part | null} part */
  async play(part) {
    if (part) await this.sound(this.samples(part));
  }

  /** @param {Float32Array} samples  at 16 kHz */
  async sound(samples) {
    this.playing?.stop();
    const { audio } = this.context, buffer = audio.createBuffer(1, Math.max(1, samples.length), 16000);
    buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), 0);
    await audio.resume();
    this.playing = new AudioBufferSourceNode(audio, { buffer });
    this.playing.connect(audio.destination);
    this.playing.start();
  }

  /** @param {number[]} worth  of each band, logits @param {import("../engine/model.js").Verdict} said @param {boolean} heard  whether there is speech */
  bands(worth, said, heard) {
    const { element, t, listener } = this, { names, limits } = /** @type {import("../engine/model.js").Model} */ (listener.model).bands;
    const order = worth.map((value, i) => i).sort((a, b) => worth[b] - worth[a]), best = order[0], least = order[order.length - 1];
    element.querySelector("#bands-title").textContent = t("live.bandsTitle", { label: said.label });
    const most = t("live.bandsMost", { band: names[best], label: said.label, worth: number(worth[best], 2) });
    const against = worth[least] < 0 ? t("live.bandsLeast", { band: names[least], worth: number(worth[least], 2) }) : "";
    element.querySelector("#bands-words").textContent = `${heard ? "" : t("live.bandsSilent")} ${most} ${against} ${t("live.bandsHow")}`.trim();
    drawBands(element.querySelector("#bands"), worth, names, said.best);
    const rows = worth.map((value, i) => {
      const row = document.createElement("tr");
      const cells = [names[i], limits[i].map((hz) => Math.round(hz)).join("–"), number(value, 2)];
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    const head = document.createElement("tr");
    head.append(...["band", "limits", "worth"].map((key) => Object.assign(document.createElement("th"), { textContent: t(`live.${key}`), scope: "col" })));
    element.querySelector("#bands-table").replaceChildren(head, ...rows);
  }
}

/** @param {HTMLCanvasElement} canvas @param {number[]} worth @param {string[]} names @param {number} k  class */
export function drawBands(canvas, worth, names, k) {
  const { pen, width, height, ink, ground, left, below } = fitted(canvas), w = width - left, h = height - below - 4;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  const top = Math.max(...worth, 0.1), low = Math.min(...worth, 0), y = (/** @type {number} */ value) => 4 + (h - 4) * (1 - (value - low) / (top - low));
  const step = w / worth.length;
  pen.font = "12px system-ui, sans-serif";
  worth.forEach((value, i) => {
    pen.fillStyle = value > 0 ? colour(k) : ink;
    pen.globalAlpha = value > 0 ? 1 : 0.5;
    pen.fillRect(left + i * step + 1, Math.min(y(0), y(value)), Math.max(2, step - 2), Math.max(1, Math.abs(y(value) - y(0))));
    pen.globalAlpha = 1;
    if (i % (step < 24 ? 5 : step < 40 ? 3 : 1) === 1 || step >= 40) {
      pen.fillStyle = ink;
      pen.textAlign = "center";
      pen.fillText(named(parseFloat(names[i]) * (names[i].includes("k") ? 1000 : 1)), left + (i + 0.5) * step, height - 7);
    }
  });
  pen.fillStyle = ink;
  pen.fillRect(left, Math.round(y(0)), w, 1);
  pen.textAlign = "right";
  pen.fillText(number(top, 1), left - 6, y(top) + 9);
  pen.fillText("0", left - 6, y(0) + 1);
  pen.textAlign = "left";
  pen.fillText("Hz", 2, height - 7);
}
