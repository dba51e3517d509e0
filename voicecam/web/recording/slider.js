// The pitch slider of the view "One recording": one question at a time, the newest wish next. Moves no sound itself.
import { number } from "../strings.js";
import { headline, play } from "./show.js";

/** @typedef {import("../engine/backend.js").Clip} Clip */
/** @typedef {{shown: Clip | null, backend: import("../engine/backend.js").Backend, t: import("../engine/model.js").Words, $: (id: string) => any, draw: () => void}} View  what it needs of recording.js */

export class Slider {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {{clip: Clip, step: number} | null} */ this.wish = null; // to be asked about
    this.moving = false;
  }

  /** It was moved by hand. */
  async move() {
    const { view } = this, { $ } = view;
    if (!view.shown) return;
    $("pitch-value").textContent = $("pitch").value;
    this.wish = { clip: view.shown, step: Number($("pitch").value) };
    if (this.moving) return;
    this.moving = true;
    while (this.wish) {
      const { clip, step } = this.wish;
      this.wish = null;
      const words = await this.ask(clip, step);
      if (clip === view.shown && !this.wish) {
        this.show(clip, words);
        view.draw();
      }
    }
    this.moving = false;
  }

  /** Ask about a step; what went wrong in words, "" where nothing did. @param {Clip} clip @param {number} step */
  async ask(clip, step) {
    const { backend, t } = this.view, by = /** @type {import("../engine/backend.js").Facts} */ (clip.model);
    try {
      if (!clip.tried.has(step)) {
        const found = await backend.shift(clip, by, step);
        if (clip.model !== by) return ""; // another model was chosen meanwhile
        clip.tried.set(step, found);
      }
      clip.step = step;
      return "";
    } catch (reason) {
      return t("recording.notMoved", { semitones: step, why: /** @type {Error} */ (reason).message });
    }
  }

  /** The last step that was answered: slider, words, sound and plot tell of the same one. @param {Clip} clip @param {string} problem  what is said instead of it */
  show(clip, problem = "") {
    const { $, t } = this.view, found = clip.tried.get(clip.step);
    $("pitch").value = clip.step;
    $("pitch-value").textContent = clip.step;
    const pitch = found?.f0 ? `, ${t("recording.pitch", { hz: number(found.f0, 0) })}` : "";
    $("pitch-words").textContent = problem || (found ? t("recording.moved", { semitones: found.semitones, said: headline(found) + pitch }) : "");
    $("pitch-sound").hidden = !found;
    if (found) play($("pitch-sound"), found.blob);
  }
}
