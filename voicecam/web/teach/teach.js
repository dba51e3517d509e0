// The view "Teach your own classes": clips by class and speaker, taken in the page, teach a new last layer of the network; a test on
// a speaker held back stands beside what a split by clip would claim. Kept in this tab alone; nothing is sent.
import { decode, recognise } from "../engine/recordings.js";
import { loadModel } from "../engine/model.js";
import { number, translate } from "../strings.js";
import { argmax, logitsOf, softmax } from "./head.js";
import { make, offer, style } from "../dom.js";
import { aboutTaught, teachKinds } from "./lesson.js";
import { atRate, recordButton } from "./microphone.js";
import { nameKey } from "./names.js";
import { kindRow, paintRow } from "./rows.js";
import { networkZip, recordingsZip } from "./save.js";
import { showTest } from "./shown.js";
import { vectorOf } from "./vectors.js";

const FEWEST = 2, MOST = 5; // classes
const SECONDS = 5; // of a clip, at most
const SOUNDS = "audio/*,video/mp4,video/webm";

/** @typedef {{samples: Float32Array, rate: number, speaker: string, when: Date, vector: Float64Array}} Clip */
/** @typedef {{name: string, clips: Clip[]}} Kind  one of the classes */

/**
 * @param {HTMLElement} root @param {import("../engine/model.js").Context} context  models, t, audio; base, recognise, decode: a network and ways that are not the engine's own
 * @returns {{stop: () => void}}  closes the microphone
 */
export function mount(root, context) {
  if (kept) { // another tab was shown meanwhile: the clips are still here
    root.append(kept.root);
    return kept.handle();
  }
  const view = new Teach(make("div"), context);
  root.append(view.root);
  view.build();
  document.addEventListener("language", () => { translate(view.root); view.draw(); });
  addEventListener("beforeunload", (event) => { if (view.unsaved) event.preventDefault(); });
  kept = view;
  return view.handle();
}

/** @type {Teach | null} */
let kept = null; // until the page is closed

class Teach {
  /** @param {HTMLElement} root @param {import("../engine/model.js").Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.t = context.t;
    this.recognise = context.recognise ?? recognise;
    this.decode = context.decode ?? decode;
    /** @type {Kind[]} */
    this.kinds = [{ name: "", clips: [] }, { name: "", clips: [] }];
    /** @type {any} */
    this.taught = null; // {head, classes, model, temperature, threshold, held, byClip}
    this.unsaved = false;
    /** @type {(() => void)[]} */
    this.silence = []; // close the microphone
    /** @type {Promise<import("../engine/model.js").Model> | null} */
    this.base = null;
    this.queue = Promise.resolve(true); // clips are heard one after another
  }

  /** What the page may ask of this view. */
  handle() {
    return { stop: () => this.silence.forEach((close) => close()) };
  }

  build() {
    const { root } = this;
    style(new URL("teach.css", import.meta.url).href);
    this.speaker = make("input", { type: "text", id: "teach-speaker", maxlength: 60, autocomplete: "off", spellcheck: "false", list: "teach-speakers" });
    this.known = make("datalist", { id: "teach-speakers" });
    this.meter = make("meter", { min: -60, max: 0, low: -40, high: -3, optimum: -15, value: -60, "data-t-aria": "teach.level" });
    this.rows = make("div", { class: "teach-kinds" });
    this.more = make("button", { type: "button", "data-t": "teach.addClass", onclick: () => this.addKind() });
    this.go = make("button", { type: "button", class: "main", "data-t": "teach.go", onclick: () => this.teach() });
    this.status = make("p", { role: "status", "aria-live": "polite", class: "status" });
    this.result = make("div", { class: "teach-result", hidden: true });
    this.try = make("button", { type: "button", "data-t": "teach.record" });
    this.answer = make("p", { class: "teach-answer", "aria-live": "polite" });
    this.tryFile = make("input", { type: "file", class: "hidden-input", id: "teach-try-file", accept: SOUNDS, onchange: () => this.tryOpened() });
    const open = make("label", { class: "button", for: "teach-try-file", "data-t": "teach.tryOpen" });
    this.tried = make("section", { hidden: true }, make("h3", { "data-t": "teach.try" }), make("div", { class: "row" }, this.try, this.tryFile, open), this.answer);
    this.saveClips = make("button", { type: "button", "data-t": "teach.saveClips", onclick: () => this.offerClips() });
    this.saveNetwork = make("button", { type: "button", "data-t": "teach.saveNetwork", onclick: () => this.offerNetwork() });
    root.append(
      make("h2", { "data-t": "teach.title" }), make("p", { "data-t": "teach.about" }),
      make("div", { class: "row" }, make("label", { for: "teach-speaker", "data-t": "teach.speaker" }), this.speaker, this.known, this.meter),
      make("p", { class: "small", "data-t": "teach.consent" }), this.rows, make("div", { class: "row" }, this.more, this.go), this.status, this.result,
      this.tried, make("h3", { "data-t": "teach.save" }), make("div", { class: "row" }, this.saveClips, this.saveNetwork),
      make("p", { class: "small", "data-t": "teach.saveAbout" }),
    );
    this.silence = [recordButton(this.try, { ...this.recording(), take: (sound) => this.judge(sound) })];
    translate(root);
    this.kinds.forEach((kind) => this.drawKind(kind));
    this.draw();
  }

  /** What all record buttons share. */
  recording() {
    const level = (/** @type {number} */ decibels) => { this.meter.value = decibels; };
    return { context: this.context, most: SECONDS, level, changed: () => this.draw(), fail: (/** @type {string} */ words) => this.say(words), begun: () => this.say(this.t("teach.recording")) };
  }

  /** @param {string} words */
  say(words) { this.status.textContent = words; }

  addKind() {
    if (this.kinds.length >= MOST) return;
    const kind = { name: "", clips: [] };
    this.kinds.push(kind);
    this.drawKind(kind).focus();
    this.draw();
  }

  /** A class's row; returns the field of its name. @param {Kind} kind */
  drawKind(kind) {
    const row = kindRow(this, kind, SOUNDS);
    this.silence.push(recordButton(row.parts.button, { ...this.recording(), ready: () => this.named(kind), take: (sound) => this.take(kind, this.speaker.value, sound) }));
    this.rows.append(row);
    return row.parts.name;
  }

  /** @param {Kind} kind @param {HTMLElement} row */
  removeKind(kind, row) {
    if (this.kinds.length <= FEWEST) return;
    this.kinds.splice(this.kinds.indexOf(kind), 1);
    row.remove();
    this.forget();
    this.draw();
  }

  /** Whether a clip of this class may be taken now; says what lacks. @param {Kind} kind */
  named(kind) {
    const lacks = !this.speaker.value.trim() ? "teach.needSpeaker" : !kind.name ? "teach.needName" : "";
    if (lacks) {
      this.say(this.t(lacks));
      (lacks === "teach.needSpeaker" ? this.speaker : [...this.rows.children].find((row) => row.kind === kind).parts.name).focus();
    }
    return !lacks;
  }

  /** @param {Kind} kind @param {HTMLInputElement} input */
  async open(kind, input) {
    const files = [...(input.files ?? [])], speaker = this.speaker.value;
    input.value = "";
    if (!this.named(kind)) return;
    for (const file of files) {
      try {
        await this.take(kind, speaker, atRate(await this.decode(file)));
      } catch {
        this.say(this.t("teach.unreadable", { name: file.name }));
      }
    }
  }

  /** @param {Kind} kind @param {string} speaker @param {{samples: Float32Array, rate: number}} sound */
  take(kind, speaker, sound) {
    this.queue = this.queue.then(() => this.hear(kind, speaker, sound).catch((reason) => { this.say(String(reason.message)); return false; }));
    return this.queue;
  }

  /** @param {Kind} kind @param {string} speaker @param {{samples: Float32Array, rate: number}} sound */
  async hear(kind, speaker, { samples, rate }) {
    const vector = await vectorOf(this.recognise, await this.model(), samples, rate);
    if (!vector) {
      this.say(this.t("teach.noSpeech"));
      return false;
    }
    kind.clips.push({ samples, rate, speaker: this.spelt(speaker), when: new Date(), vector });
    this.unsaved = true;
    this.say(this.t("teach.taken", { word: kind.name, count: kind.clips.length }));
    this.forget();
    this.draw();
    return true;
  }

  /** The network that is taught: the one that is offered first, whichever is chosen elsewhere. */
  model() {
    this.base ??= this.context.base ? Promise.resolve(this.context.base) : loadModel(new URL(`../models/${this.context.models[0]}/`, import.meta.url));
    this.base.catch(() => { this.base = null; });
    return this.base;
  }

  /** The spelling by which this speaker is already known. @param {string} name */
  spelt(name) {
    const tidy = name.trim().replace(/\s+/g, " ").normalize("NFC");
    return this.all().find(({ clip }) => nameKey(clip.speaker) === nameKey(tidy))?.clip.speaker ?? tidy;
  }

  /** Every clip with the number of its class. */
  all() {
    return this.kinds.flatMap(({ clips }, target) => clips.map((clip) => ({ clip, target })));
  }

  /** What was taught is of other clips than these. */
  forget() {
    this.taught = null;
    this.result.hidden = this.tried.hidden = true;
    this.draw();
  }

  /** Everything that changes. */
  draw() {
    this.known.replaceChildren(...[...new Set(this.all().map(({ clip }) => clip.speaker))].map((name) => make("option", { value: name })));
    [...this.rows.children].forEach((row, i) => paintRow(this, row, i, this.kinds.length > FEWEST));
    this.more.hidden = this.kinds.length >= MOST;
    this.go.disabled = !this.kinds.every(({ clips, name }) => clips.length && name);
    this.saveClips.disabled = !this.all().length;
    this.saveNetwork.disabled = !this.taught;
    if (this.taught) showTest(this.result, this.taught, this.t);
  }

  /** @param {Kind} kind @param {Clip} clip */
  removeClip(kind, clip) {
    kind.clips.splice(kind.clips.indexOf(clip), 1);
    this.forget();
  }

  /** @param {Clip} clip */
  play({ samples, rate }) {
    const { audio } = this.context, buffer = audio.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), 0);
    const source = new AudioBufferSourceNode(audio, { buffer });
    source.connect(audio.destination);
    audio.resume().then(() => source.start());
  }

  /** Teach, test by both splits, show. */
  async teach() {
    this.say(this.t("teach.teaching"));
    const model = await this.model();
    if (new Set(this.kinds.map(({ name }) => nameKey(name))).size < this.kinds.length) return this.say(this.t("teach.sameName"));
    await new Promise((resolve) => setTimeout(resolve)); // so that the words are seen
    const began = performance.now();
    this.taught = teachKinds(this.kinds, model);
    this.root.dataset.took = (performance.now() - began).toFixed(0);
    this.say(this.t("teach.taught", { seconds: number((performance.now() - began) / 1000, 1) }));
    this.result.hidden = this.tried.hidden = false;
    this.answer.textContent = "";
    this.draw();
  }

  /** What the taught network says of a sound. @param {{samples: Float32Array, rate: number}} sound */
  async judge({ samples, rate }) {
    this.answer.textContent = "";
    const { head, classes, model, temperature, threshold } = this.taught, vector = await vectorOf(this.recognise, model, samples, rate);
    if (!vector) return this.answer.replaceChildren(this.t("teach.noSpeech"));
    const p = softmax(logitsOf(head, vector), temperature), best = argmax(p);
    const key = p[best] >= threshold ? "teach.says" : "teach.unsure";
    return this.answer.replaceChildren(this.t(key, { word: classes[best], share: p[best] > 0.995 ? `>${number(99, 0)}` : number(100 * p[best], 0) }));
  }

  async tryOpened() {
    const [file] = this.tryFile.files;
    this.tryFile.value = "";
    try {
      await this.judge(atRate(await this.decode(file)));
    } catch {
      this.answer.textContent = this.t("teach.unreadable", { name: file.name });
    }
  }

  offerClips() {
    const clips = this.kinds.flatMap(({ name, clips: some }, i) => some.map((clip) => ({ ...clip, word: name || `class ${i + 1}` })));
    offer(recordingsZip(clips), "recordings.zip", "application/zip");
    this.unsaved = false;
  }

  async offerNetwork() {
    const { head, classes, model } = this.taught;
    try {
      const bytes = await networkZip(new URL(".", model.url).href, head, classes, aboutTaught(this.taught));
      offer(bytes, "network.zip", "application/zip");
    } catch (reason) {
      this.say(this.t("teach.notSaved", { why: /** @type {Error} */ (reason).message }));
    }
  }
}
