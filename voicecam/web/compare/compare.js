// The view "Compare": two recordings side by side on the same axes, each with its verdict, map, pitch and bands, and a card to save
// as a picture or as a film with sound. Keeps nothing.
import { decode, NO_SPEECH, recognise } from "../engine/recordings.js";
import { axisOf } from "../live/axis.js";
import { number, translate } from "../strings.js";
import { make, offer, style } from "../dom.js";
import { atRate, recordButton } from "../teach/microphone.js";
import { lookAt, MOST } from "./clip.js";
import { cardCanvas, drawCard, film, filmKind, png } from "./card.js";

/** @param {HTMLElement} root @param {import("../engine/model.js").Context} context  see app.js; recognise and decode where the engine's own are not to be used */
export function mount(root, context) {
  const view = new Compare(root, context);
  view.build();
  const language = () => { translate(root); view.draw(); }, model = () => view.again();
  document.addEventListener("language", language);
  document.addEventListener("model", model);
  return { stop() {
    view.silence.forEach((close) => close());
    document.removeEventListener("language", language);
    document.removeEventListener("model", model);
  } };
}

/** A probability in percent: 0.9967 is no certainty. @param {number} p */
const percent = (p) => (p > 0.995 ? `>${number(99, 0)}` : number(100 * p, 0));

class Compare {
  /** @param {HTMLElement} root @param {import("../engine/model.js").Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.canvas = cardCanvas();
    this.t = context.t;
    this.recognise = context.recognise ?? recognise;
    this.decode = context.decode ?? decode;
    /** @type {(import("./clip.js").Looked | null)[]} */
    this.two = [null, null];
    /** @type {any} */
    this.axis = null; // an Axis once there is a model
    this.queue = Promise.resolve();
    /** @type {(() => void)[]} */
    this.silence = []; // close the microphone
  }

  build() {
    style(new URL("compare.css", import.meta.url).href);
    this.status = make("p", { role: "status", "aria-live": "polite", class: "status" });
    Object.assign(this.canvas, { className: "compare-card", hidden: true });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("data-t-aria", "compare.title");
    this.table = make("table");
    this.details = make("details", { hidden: true }, make("summary", { "data-t": "compare.table" }), make("div", { class: "scroll", tabindex: "0", role: "region", "data-t-aria": "compare.table" }, this.table));
    this.picture = make("button", { type: "button", "data-t": "compare.savePicture", disabled: true, onclick: () => this.savePicture() });
    this.film = make("button", { type: "button", "data-t": "compare.saveFilm", disabled: true, onclick: () => this.saveFilm() });
    const about = make("p", {}, this.t("compare.about", { seconds: MOST }));
    this.about = about;
    this.root.append(
      make("h2", { "data-t": "compare.title" }), about, make("div", { class: "compare-pair" }, this.slot(0), this.slot(1)), this.status,
      make("div", { class: "scroll", tabindex: "0", role: "region", "data-t-aria": "compare.title" }, this.canvas), 
      make("div", { class: "row" }, this.picture, this.film), make("p", { class: "small", "data-t": "compare.filmAbout" }), this.details,
    );
    translate(this.root);
  }

  /** One recording's controls. @param {number} side */
  slot(side) {
    const name = make("input", { type: "text", id: `compare-name-${side}`, maxlength: 60, autocomplete: "off", spellcheck: "false", oninput: () => this.rename(side, name.value) });
    const button = make("button", { type: "button", "data-t": "compare.record" });
    const file = make("input", { type: "file", class: "hidden-input", id: `compare-file-${side}`, accept: "audio/*,video/mp4,video/webm", onchange: () => this.open(side, file) });
    const label = make("label", { class: "button", for: `compare-file-${side}`, "data-t": "compare.open" });
    const close = recordButton(button, {
      context: this.context, most: MOST, fail: (words) => this.say(words), begun: () => this.say(this.t("teach.recording")),
      take: (sound) => this.take(side, sound, name.value || this.t(side ? "compare.second" : "compare.first")),
    });
    this.silence.push(close);
    return make("fieldset", {}, make("legend", { "data-t": side ? "compare.second" : "compare.first" }), make("label", { for: `compare-name-${side}`, "data-t": "compare.name" }), name, make("div", { class: "row" }, button, file, label));
  }

  /** @param {string} words */
  say(words) { this.status.textContent = words; }

  /** @param {number} side @param {string} name */
  rename(side, name) {
    const looked = this.two[side];
    if (looked && name) looked.name = name;
    this.draw();
  }

  /** @param {number} side @param {HTMLInputElement} input */
  async open(side, input) {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    try {
      const typed = /** @type {HTMLInputElement} */ (this.root.querySelector(`#compare-name-${side}`)).value;
      await this.take(side, atRate(await this.decode(file)), typed || file.name);
    } catch {
      this.two[side] = null; // no older verdict beside a file that failed
      this.draw();
      this.say(this.t("compare.unreadable", { name: file.name }));
    }
  }

  /** @param {number} side @param {{samples: Float32Array, rate: number}} sound @param {string} name */
  take(side, sound, name) {
    this.say(this.t("compare.listening"));
    this.queue = this.queue.then(() => this.look(side, sound, name));
    return this.queue;
  }

  /** @param {number} side @param {{samples: Float32Array, rate: number}} sound @param {string} name */
  async look(side, sound, name) {
    const { context } = this;
    if (!context.model) await context.choose(context.models[0]);
    const model = /** @type {import("../engine/model.js").Model} */ (context.model);
    this.axis = axisOf(model.config);
    this.two[side] = await lookAt({ model }, this.recognise, this.axis, sound, name);
    const { said, doubt } = this.verdict(/** @type {any} */ (this.two[side]));
    this.say(`${name}: ${said}. ${doubt}`);
    this.draw();
  }

  /** Another model: asked about the same recordings. */
  async again() {
    const before = this.two;
    for (const [side, looked] of before.entries()) {
      if (looked && looked.model !== this.context.model) await this.take(side, { samples: looked.whole, rate: 16000 }, looked.name);
    }
  }

  /** In words: the answer, and how sure it is. @param {import("./clip.js").Looked} looked */
  verdict({ said, median }) {
    const { t } = this;
    if (said.prediction === NO_SPEECH || !said.windows.length) return { said: t("compare.noSpeech"), doubt: t("compare.noSpeechWhy") };
    const values = { label: said.label, share: percent(said.probability), pitch: Number.isNaN(median) ? "–" : number(median, 0) };
    if (said.prediction === said.label) return { said: said.label, doubt: t("compare.sure", values) };
    return { said: t("compare.uncertain"), doubt: t("compare.likeliest", values) };
  }

  draw() {
    const any = this.two.some(Boolean), { t } = this;
    this.about.textContent = t("compare.about", { seconds: MOST });
    this.canvas.hidden = this.details.hidden = !any;
    this.picture.disabled = !any;
    this.film.disabled = !any || !filmKind();
    if (!any) return;
    drawCard(this.canvas, this.two, this.axis, this.words());
    const told = this.two.map((looked) => looked && this.verdict(looked));
    this.canvas.setAttribute("aria-label", this.two.map((looked, i) => looked && `${looked.name}: ${told[i]?.said}. ${told[i]?.doubt}`).filter(Boolean).join(" "));
    this.drawTable();
  }

  /** The bands as numbers. */
  drawTable() {
    const some = this.two.filter((looked) => looked?.worth), { t } = this;
    this.details.hidden = !some.length;
    if (!some.length) return;
    const { names } = /** @type {any} */ (some[0]).model.bands;
    const head = [t("compare.band"), ...some.map((looked) => `${looked?.name} (${looked?.said.label})`)];
    const rows = names.map((/** @type {string} */ name, /** @type {number} */ i) => make("tr", {}, make("th", { scope: "row" }, name), ...some.map((looked) => make("td", { class: "n" }, number(/** @type {any} */ (looked).worth[i], 2)))));
    this.table.replaceChildren(make("caption", { class: "small" }, t("compare.bands")), make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows));
  }

  /** What a card says. */
  words() {
    return { t: this.t, verdict: this.verdict.bind(this) };
  }

  async savePicture() {
    offer(await png(this.canvas), "comparison.png", "image/png");
  }

  async saveFilm() {
    this.film.disabled = true;
    this.say(this.t("compare.filming"));
    try {
      const made = await film(this.two, this.axis, this.words(), this.context.audio);
      offer(made, made.type.includes("mp4") ? "comparison.mp4" : "comparison.webm", made.type);
      this.say(this.t("compare.filmed"));
    } catch (reason) {
      this.say(this.t("compare.noFilm", { why: /** @type {Error} */ (reason).message }));
    }
    this.film.disabled = false;
  }
}
