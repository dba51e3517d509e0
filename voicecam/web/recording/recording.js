// The view "One recording": takes a recording or a file, asks the backend, shows the answer, and keeps this visit's clips in the tab.
import { fileName } from "../teach/names.js";
import { lay, make, style } from "../dom.js";
import { recordButton } from "../teach/microphone.js";
import { clipOf, rawClip } from "../engine/backend.js";
import { language, number, translate } from "../strings.js";
import { drawBands, drawPicture, drawPitch, drawWaveform } from "./draw.js";
import { page } from "./page.js";
import { either, headline, play, showExplanation, showPrediction, showSounds } from "./show.js";
import { Slider } from "./slider.js";
import { torn } from "./words.js";

/** @typedef {import("../engine/backend.js").Clip} Clip */
/** @typedef {import("../engine/backend.js").Facts} Facts */

/** @type {Recording | null} */
let kept = null; // until the page is closed: another tab leaves the visit's clips here

/** @param {HTMLElement} element @param {import("../engine/model.js").Context} context */
export async function mount(element, context) {
  if (!kept) {
    const view = new Recording(make("div"), context, await context.backend());
    await view.begin();
    kept = view;
  }
  const view = kept;
  element.append(view.root);
  view.draw(); // canvases have a size from now on
  return { stop: () => { view.silence(); view.pause(); } };
}

class Recording {
  /** @param {HTMLElement} root @param {import("../engine/model.js").Context} context @param {import("../engine/backend.js").Backend} backend */
  constructor(root, context, backend) {
    this.root = root;
    this.context = context;
    this.backend = backend;
    this.t = context.t;
    /** @param {string} id @returns {any} */
    this.$ = (id) => root.querySelector(`#${id}`);
    /** @type {Clip[]} */ this.visit = []; // newest first
    /** @type {Facts} */ this.model; // the one that is asked; a clip keeps the one that answered about it
    /** @type {Clip | null} */ this.shown = null;
    /** @type {Clip | null} */ this.waiting = null; // without an answer yet
    this.queue = Promise.resolve(); // clips are asked about one after another
    this.slider = new Slider(this);
    this.agreed = false; // to what `live.consent` says
    this.silence = () => {}; // closes the microphone
  }

  async begin() {
    const { $, root, backend } = this;
    style(new URL("recording.css", import.meta.url).href);
    lay(root, page(backend.kind));
    this.use(await backend.facts());
    const { models } = this.model;
    $("models").hidden = models.length < 2;
    $("model").replaceChildren(...models.map((name) => new Option(name, name)));
    $("file").accept = ["audio/*", "video/mp4", "video/webm", ...this.model.endings].join();
    $("model").addEventListener("change", () => this.change());
    $("agree").addEventListener("click", () => { this.agreed = true; $("model").value = "voice"; this.change(); });
    $("file").addEventListener("change", async () => { await this.open($("file").files[0]); $("file").value = ""; });
    $("save").addEventListener("click", () => this.save($("save"), this.shown));
    $("kept-save").addEventListener("click", () => this.save($("kept-save"), this.waiting));
    $("again").addEventListener("click", () => this.waiting && this.revisit(this.waiting));
    $("overlay").addEventListener("change", () => this.draw());
    $("pitch").addEventListener("input", () => this.slider.move());
    $("sounds").addEventListener("toggle", () => this.hear());
    this.silence = recordButton($("record"), {
      context: this.context, most: this.model.most_seconds, asItIs: true,
      ready: () => { this.say(this.t("recording.opening")); return true; },
      begun: () => this.say(this.t("teach.recording")),
      level: (decibels, seconds) => this.level(decibels, seconds),
      take: ({ samples, rate }) => this.take(rawClip(this.t("recording.mine"), samples, rate)),
      fail: (words, reason) => this.fail(reason.name === "AbortError" && backend.kind === "server" ? this.t("recording.gone") : words), // its worklet could not be fetched
    });
    this.listen();
    this.write();
  }

  /** What the page and the window say. */
  listen() {
    const { $, root } = this, here = () => root.isConnected;
    document.addEventListener("dragover", (event) => { if (here()) { event.preventDefault(); $("drop").classList.add("over"); } });
    document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
    document.addEventListener("drop", (event) => {
      $("drop").classList.remove("over");
      if (!here()) return;
      event.preventDefault();
      this.open(event.dataTransfer?.files[0]);
    });
    document.addEventListener("language", () => { this.write(); if (this.shown) this.show(this.shown); });
    addEventListener("resize", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.shown && this.show(this.shown));
  }

  /** Another tab is shown. */
  pause() {
    this.root.querySelectorAll("audio").forEach((player) => player.pause());
    this.root.remove();
  }

  // ---- taking a clip in

  /** @param {number} decibels @param {number} [seconds] */
  level(decibels, seconds = 0) {
    this.$("level").value = decibels;
    this.$("clock").textContent = seconds ? `${number(seconds, 1)} s` : "";
  }

  /** @param {File | undefined} file */
  async open(file) {
    if (!file) return;
    try {
      const most = this.model.most_bytes;
      if (file.size > most) throw new Error(this.t("recording.tooLarge", { megabytes: most / 1e6 }));
      const sound = await this.backend.read(file, this.model);
      await this.take(sound ? rawClip(file.name, sound.samples, sound.rate) : clipOf(file.name, null, 0, file));
    } catch (reason) {
      this.fail(/** @type {Error} */ (reason).message, file.name);
    }
  }

  /** @param {Clip} clip */
  take(clip) {
    this.queue = this.queue.then(() => this.judge(clip));
    return this.queue;
  }

  /** @param {Clip} clip */
  async judge(clip) {
    const { $ } = this;
    $("error").hidden = $("kept").hidden = true;
    this.say(this.t("compare.listening"));
    const began = performance.now(), by = this.model;
    try {
      const found = await this.backend.classify(clip, by);
      Object.assign(clip, { found, model: by, heard: null, tried: new Map(), step: 0 });
      this.enter(clip);
      this.show(clip);
      document.body.dataset.took = (performance.now() - began).toFixed(1);
    } catch (reason) {
      const { message, again } = /** @type {Error & {again?: boolean}} */ (reason);
      this.fail(message, clip.title);
      if (!clip.found && (again || clip.samples?.length)) this.keep(clip);
    }
  }

  /** A clip without an answer stays: it can be heard, saved, and asked about again. @param {Clip} clip */
  keep(clip) {
    const { $ } = this;
    this.waiting = clip;
    $("kept").hidden = false;
    $("kept-words").textContent = this.t("recording.kept", { title: clip.title, time: clock(clip.when) });
    play($("kept-clip"), clip.blob);
    this.enter(clip);
  }

  /** @param {string} words */
  say(words) { this.$("status").textContent = words; }

  /** An error stands alone: an older clip's prediction beside it would look like the answer. @param {string} words @param {string} about  the clip's title, which is named */
  fail(words, about = "") {
    const { $ } = this;
    this.say("");
    this.shown = null;
    $("result").hidden = $("kept").hidden = true;
    $("error").textContent = about ? `${about}: ${words.replace(/^recording: /, "")}` : words; // the server knows no names
    $("error").hidden = false;
  }

  // ---- showing a clip

  /** @param {Clip} clip */
  show(clip) {
    const { $, t } = this, { found } = clip, model = /** @type {Facts} */ (clip.model);
    this.shown = clip;
    this.slider.wish = null;
    if (model !== this.model) this.use(model);
    $("result").hidden = false;
    $("error").hidden = $("kept").hidden = true;
    showPrediction($, found, model);
    this.say(`${clip.title}: ${headline(found)}.${torn(found.windows, model.threshold) ? ` ${t("recording.disagree")}` : ""}`);
    play($("clip"), clip.blob);
    $("explanation").hidden = found.explanation === null;
    if (found.explanation) showExplanation($, found, model);
    this.slider.show(clip);
    this.draw();
    this.hear();
  }

  /** A link that saves a clip: what was recorded or decoded here as WAV, named after speaker and word; a file as it is. @param {any} link @param {Clip | null} clip */
  save(link, clip) {
    if (!clip) return;
    link.href = link.parentElement.querySelector("audio").src;
    link.download = clip.samples ? fileName(this.$("speaker").value, this.$("word").value, clip.when) : clip.title;
  }

  draw() {
    const { $, shown, t } = this;
    if (!shown || !this.root.isConnected) return;
    const { waveform, explanation, label } = shown.found, { classes, colours, threshold } = /** @type {Facts} */ (shown.model);
    $("waveform").hidden = waveform === null;
    if (waveform) {
      drawWaveform($("waveform"), waveform, explanation);
      $("waveform").setAttribute("aria-label", t("recording.waveformOf", { seconds: number(waveform.seconds, 2) }));
    }
    if (!explanation) return;
    drawPicture($("picture"), explanation.picture);
    drawPicture($("map"), explanation.picture, $("overlay").checked ? explanation.map : null);
    if (explanation.bands) drawBands($("bands"), explanation.bands, colours[label]);
    drawPitch($("pitch-plot"), shown.tried, classes, colours, threshold);
    const tried = [...shown.tried.values()].map((one) => `${one.semitones}: ${headline(one)}`).join("; ");
    $("pitch-plot").setAttribute("aria-label", t("recording.pitchPlot", { tried: tried || t("recording.nothingTried") }));
  }

  /** The evidence as sound: asked for when it is opened. */
  async hear() {
    const { $, shown: clip } = this;
    if (!$("sounds").open || $("sounds").hidden || !clip?.found.explanation) return;
    showSounds($, { words: this.t("recording.asking") });
    const by = /** @type {Facts} */ (clip.model);
    try {
      const heard = clip.heard ?? await this.backend.sounds(clip, by);
      if (clip.model !== by) return; // another model was chosen meanwhile
      clip.heard = heard;
      if (clip === this.shown) showSounds($, heard);
    } catch (reason) {
      if (clip === this.shown) showSounds($, { words: `${/** @type {Error} */ (reason).message}.` });
    }
  }

  // ---- this visit

  /** Put a clip on the list, once, and draw the list anew. @param {Clip} [clip] */
  enter(clip) {
    const { $, t, visit } = this;
    if (clip && !visit.includes(clip)) visit.unshift(clip);
    $("history-part").hidden = !visit.length;
    $("history").replaceChildren(...visit.map((one) => {
      const name = t(one.found ? "recording.show" : "recording.again"), time = clock(one.when);
      const again = make("button", { type: "button", "aria-label": `${name} ${one.title}, ${time}`, onclick: () => this.revisit(one) }, name);
      return make("li", {}, make("div", { class: "row" }, again, make("span", {}, `${time}, ${one.title}: ${one.found ? headline(one.found) : t("recording.noAnswer")}`)));
    }));
  }

  /** @param {Clip} clip */
  async revisit(clip) {
    if (!clip.found) await this.take(clip);
    else this.show(clip);
    if (this.shown === clip) this.$("prediction").focus();
  }

  // ---- several models

  /** From now on this one is asked. @param {Facts} facts */
  use(facts) {
    this.model = facts;
    this.$("model").value = facts.name;
    this.$("consent").hidden = true;
    this.describe();
  }

  describe() {
    const { classes, label, most_bytes: bytes, most_seconds: seconds } = this.model, { $, t } = this;
    $("about").textContent = t("recording.about", { classes: either(classes), label });
    $("limits").textContent = t("recording.limits", { megabytes: bytes / 1e6, seconds });
  }

  /** In the page's language. */
  write() {
    translate(this.root);
    this.describe();
    this.enter();
  }

  /** Another model: it is asked about the clip on the page at once. In the browser "voice" is chosen behind a sentence, as in Live. */
  async change() {
    const { $ } = this, name = $("model").value;
    if (this.backend.kind === "browser" && name === "voice" && !this.agreed) {
      $("consent").hidden = false;
      $("model").value = this.model.name;
      return;
    }
    try {
      this.use(await this.backend.facts(name));
      if (this.shown) await this.take(this.shown);
    } catch (reason) {
      this.fail(/** @type {Error} */ (reason).message);
    }
  }
}

/** @param {Date} when */
const clock = (when) => when.toLocaleTimeString(language());
