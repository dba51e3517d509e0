// The live view: microphone or file in, and picture, map, answers, pitch and level while it sounds. Space freezes it (frozen.js).
import { decode } from "../engine/recordings.js";
import { language, number } from "../strings.js";
import { axisOf } from "./axis.js";
import { Frozen } from "./frozen.js";
import { Listener, SOFT } from "./listener.js";
import { openMicrophone, playFile } from "./microphone.js";
import { dark, drawPicture, colour } from "./picture.js";
import { Spectra } from "./spectra.js";
import { drawStrip } from "./strip.js";
import { lay } from "../dom.js";

const SHOWN = 6, FROZEN = 10, SPOKEN_EVERY = 1500; // s on the picture; ms between two words to a screen reader

/** What is going on, for tests. @type {{listener: Listener | null, drawn: number[]}} */
export const state = { listener: null, drawn: [] };

const HTML = `
<section class="about">
<p><b data-t="live.for"></b> <span data-t="live.forText"></span></p>
<p><b data-t="live.not"></b> <span data-t="live.notText"></span></p>
</section>
<fieldset class="models"><legend data-t="live.model"></legend><div class="row" id="model-list"></div>
<p id="model-words" class="small"></p>
<div id="consent" class="warning" hidden><p data-t="live.consent"></p><p><button type="button" id="agree" data-t="live.agree"></button></p></div>
</fieldset>
<div class="row controls">
<button type="button" id="microphone" class="main"></button>
<label class="button" for="file" data-t="live.open"></label><input type="file" id="file" class="hidden-input" accept="audio/*,video/mp4,video/webm">
<button type="button" id="freeze" aria-keyshortcuts="Space" data-t="live.freeze" disabled></button>
<span class="switches"><label><input type="checkbox" id="with-map" checked> <span data-t="live.map"></span></label>
<label><input type="checkbox" id="with-pitch" checked> <span data-t="live.pitch"></span></label></span>
</div>
<p id="trouble" class="warning" role="alert" hidden></p>
<div class="stage">
<div class="verdict"><span id="word"></span> <span id="sureness"></span></div>
<p id="aloud" class="unseen" aria-live="polite"></p>
<div class="level"><label for="level" data-t="live.level"></label><meter id="level" min="-60" max="0" low="-45" high="-3" optimum="-20" value="-60"></meter><span id="level-words"></span></div>
<canvas id="picture" role="img" data-t-aria="live.pictureLabel"></canvas>
<canvas id="strip" class="strip" role="img" data-t-aria="live.stripLabel"></canvas>
<p class="small legend" id="legend"></p>
</div>
<div id="frozen" hidden></div>`;

/** @typedef {import("../engine/model.js").Context} Context */

/** @param {HTMLElement} element @param {Context} context */
export async function mount(element, context) {
  lay(element, HTML);
  const view = new Live(element, context);
  await view.begin();
  return view;
}

/** One line on why there is no microphone. @param {(key: string, values?: any) => string} t @param {any} reason  what getUserMedia threw */
function noMicrophone(t, reason) {
  const known = /** @type {Record<string, string>} */ ({ NotAllowedError: "live.refused", NotFoundError: "live.noneFound" })[reason.name];
  return known ? t(known) : t("live.noMicrophone", { why: reason.message });
}

class Live {
  /** @param {HTMLElement} element @param {Context} context */
  constructor(element, context) {
    this.context = context;
    this.t = context.t;
    /** @param {string} id @returns {any} */
    this.$ = (id) => element.querySelector(`#${id}`);
    /** @type {Listener} */ this.listener; // these three: see fresh
    /** @type {Spectra} */ this.spectra;
    /** @type {import("./axis.js").Axis} */ this.axis;
    this.close = () => {};
    this.running = false;
    this.frame = 0;
    this.aloud = { word: "", time: 0 };
    this.frozen = new Frozen(this.$("frozen"), context, () => this.draw());
    this.listeners = new AbortController();
  }

  async begin() {
    const { signal } = this.listeners, { $, context } = this;
    $("microphone").onclick = () => (this.running ? this.stopSound() : this.startMicrophone());
    $("file").onchange = () => { if ($("file").files[0]) this.openFile($("file").files[0]); $("file").value = ""; };
    $("freeze").onclick = () => this.freeze();
    $("agree").onclick = () => { $("consent").hidden = true; this.choose("voice", true); };
    for (const id of ["with-map", "with-pitch"]) $(id).onchange = () => this.draw();
    addEventListener("keydown", (event) => this.key(event), { signal });
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.stopSound(); }, { signal });
    document.addEventListener("language", () => { this.write(); this.frozen.again(); }, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.fresh(), { signal });
    addEventListener("resize", () => this.draw(), { signal });
    $("picture").onclick = (/** @type {MouseEvent} */ event) => { const time = this.timeAt(event); if (this.frozen.listener && time !== null) this.frozen.choose(time); };
    context.models.forEach((name) => {
      const label = document.createElement("label");
      const choice = Object.assign(document.createElement("input"), { type: "radio", name: "model", value: name, id: `model-${name}` });
      choice.onchange = () => this.choose(name);
      label.append(choice, " ", document.createElement("span"));
      /** @type {Element} */ (label.lastElementChild).setAttribute("data-t", `live.models.${name}`);
      $("model-list").append(label);
    });
    const now = context.model?.name ?? context.models[0];
    $(`model-${now}`).checked = true;
    if (!context.model) await context.choose(now);
    this.fresh();
    this.write();
  }

  /** @param {string} name @param {boolean} [agreed] */
  async choose(name, agreed = false) {
    const { $ } = this;
    $("consent").hidden = name !== "voice" || agreed;
    $("model-words").hidden = !$("consent").hidden;
    if (name === "voice" && !agreed) return; // nothing changes before the sentence was read
    try {
      await this.context.choose(name);
      this.trouble("");
    } catch (reason) {
      this.trouble(this.t("live.noModel", { name, why: /** @type {Error} */ (reason).message }));
      return;
    }
    this.melt();
    this.fresh();
    this.write();
  }

  /** Forget all that was heard. */
  fresh() {
    const { model } = this.context;
    if (!model) return;
    this.axis = axisOf(model.config);
    this.spectra = new Spectra(this.axis, dark() ? "dark" : "light");
    this.listener = state.listener = new Listener(model, () => this.later());
    this.listener.failed = (/** @type {any} */ reason) => { this.stopSound(); this.trouble(this.t("page.failed", { why: reason?.message ?? reason })); };
    this.listener.columns.push((at, samples) => this.spectra.write(at, samples));
    this.frozen.hide();
    this.draw();
  }

  async startMicrophone() {
    this.stopSound();
    this.melt();
    this.trouble("");
    this.fresh();
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error(this.t("live.insecure"));
      this.close = await openMicrophone((samples) => this.listener?.take(samples));
    } catch (reason) {
      this.trouble(noMicrophone(this.t, reason));
      this.$("trouble").append(" ", Object.assign(document.createElement("button"), { type: "button", id: "instead", textContent: this.t("live.open"), onclick: () => this.$("file").click() }));
      return;
    }
    this.started();
  }

  /** @param {File} file */
  async openFile(file) {
    this.stopSound();
    this.melt();
    this.fresh();
    this.trouble("");
    let sound;
    try {
      sound = await decode(file);
    } catch {
      this.trouble(this.t("live.noFile", { name: file.name }));
      return;
    }
    const { audio } = this.context;
    await audio.resume();
    const silence = new Float32Array(sound.rate), samples = new Float32Array(sound.samples.length + silence.length);
    samples.set(sound.samples);
    this.close = playFile(samples, audio, (x) => this.listener?.take(x), () => { this.stopSound(); this.freeze(); });
    this.started();
  }

  started() {
    this.running = true;
    this.$("freeze").disabled = false;
    this.$("freeze").focus({ preventScroll: true }); // not the button that stops: the space bar would press it
    this.write();
  }

  stopSound() {
    this.close();
    this.close = () => {};
    this.running = false;
    this.write();
  }

  stop() {
    this.stopSound();
    this.listeners.abort();
    this.frozen.hide();
    cancelAnimationFrame(this.frame);
    if (this.listener) this.listener.paused = true;
    state.listener = null;
  }

  /** Stand still, or go on. */
  freeze() {
    if (this.frozen.listener) { this.melt(); this.draw(); return; }
    if (!this.listener?.n) return;
    this.listener.paused = true;
    this.frozen.show(this.listener);
    this.write();
    this.draw();
  }

  melt() {
    if (!this.frozen.listener) return;
    this.frozen.hide();
    if (this.running) this.fresh();
    this.write();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const typing = event.target instanceof HTMLElement && event.target.closest("input, button, select, textarea, summary, a");
    if (event.code === "Space" && !typing) { event.preventDefault(); this.freeze(); }
  }

  /** @param {string} words */
  trouble(words) {
    this.$("trouble").textContent = words;
    this.$("trouble").hidden = !words;
  }

  span() {
    const now = this.listener?.time ?? 0;
    return this.frozen.listener ? { from: Math.max(now - FROZEN, 0), to: Math.max(now, 1) } : { from: now - SHOWN, to: now };
  }

  /** @param {MouseEvent} event */
  timeAt(event) {
    const box = this.$("picture").getBoundingClientRect(), { from, to } = this.span();
    const share = (event.clientX - box.left - 44) / (box.width - 44);
    return share < 0 ? null : from + share * (to - from);
  }

  later() {
    if (this.frame || this.frozen.listener) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  draw() {
    const { $, listener, t } = this;
    if (!listener || !$("picture").isConnected) return;
    const span = this.span(), how = { ...span, map: $("with-map").checked, pitch: $("with-pitch").checked, chosen: this.frozen.chosen };
    drawPicture($("picture"), listener, this.spectra, this.axis, how);
    drawStrip($("strip"), listener, span, t);
    this.verdict();
    this.level();
    state.drawn.push(performance.now() - listener.arrived);
    if (state.drawn.length > 300) state.drawn.shift();
  }

  verdict() {
    const { $, listener, t } = this, one = this.frozen.answer ?? listener.answers[listener.answers.length - 1];
    let word = "", sureness = "", ink = "";
    if (one?.speech) {
      const label = listener.model.classes[one.best];
      word = one.sure ? label : t("live.uncertain");
      sureness = t(one.sure ? "live.probability" : "live.likeliest", { label, p: number(one.probability, 2) });
      ink = one.sure ? colour(one.best) : "";
    } else if (one || this.running) word = t("live.noSpeech");
    else word = t("live.waiting");
    $("word").textContent = word;
    $("word").style.color = ink;
    $("word").dataset.waiting = String(!one && !this.running);
    $("word").dataset.sure = String(!!one?.sure);
    $("sureness").textContent = sureness;
    const now = performance.now(), said = `${word} ${sureness && one.sure ? number(one.probability, 1) : ""}`;
    if (one && word !== this.aloud.word && now - this.aloud.time > SPOKEN_EVERY) {
      this.aloud = { word, time: now };
      $("aloud").textContent = said;
    }
  }

  level() {
    const { $, listener, t } = this, { dbfs, loudest, clipped } = listener.level();
    $("level").value = this.running && !listener.paused ? Math.max(-60, dbfs) : -60;
    const last = listener.answers[listener.answers.length - 1], speaking = listener.speaking && last?.speech;
    const say = !this.running || listener.paused ? "" : clipped ? "live.clipped" : speaking && loudest < SOFT ? "live.soft" : "";
    $("level-words").textContent = say ? t(say) : "";
  }

  /** All words that depend on what is going on. */
  write() {
    const { $, t, context } = this;
    if (!$("microphone")) return;
    $("microphone").closest(".view").classList.toggle("running", this.running); // the picture comes up to the top
    $("microphone").textContent = t(this.running ? "live.stop" : "live.start");
    $("freeze").textContent = t(this.frozen.listener ? "live.goOn" : "live.freeze");
    const { model } = context;
    $("model-words").textContent = model ? t(`live.about.${model.name}`, { classes: model.classes.join(", "), language: language() }) : "";
    $("legend").textContent = t("live.legend");
    this.draw();
  }
}
