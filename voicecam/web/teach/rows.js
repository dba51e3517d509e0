// The rows of the view "Teach": a class's name, its buttons and its list of clips. What a button does is the view's.
import { number } from "../strings.js";
import { make } from "../dom.js";

/**
 * A class's row, with its parts by name. Words come with `paintRow`.
 * @param {any} view  see teach.js @param {any} kind @param {string} sounds  kinds of files
 */
export function kindRow(view, kind, sounds) {
  const name = make("input", { type: "text", maxlength: 40, autocomplete: "off", spellcheck: "false", oninput: () => { kind.name = name.value.trim(); view.forget(); } });
  const button = make("button", { type: "button" }), list = make("ol", { class: "teach-clips" });
  const file = make("input", { type: "file", multiple: true, accept: sounds, onchange: () => view.open(kind, file) });
  const drop = make("button", { type: "button", onclick: () => view.removeKind(kind, row) });
  const row = make("fieldset", { class: "teach-kind" }, make("legend"), name, button, make("label", { class: "button" }, make("span"), file), drop, list);
  return Object.assign(row, { kind, parts: { name, button, file, list, drop } });
}

/** Write a row's words and clips. @param {any} view @param {any} row @param {number} i @param {boolean} spare  whether it may go */
export function paintRow(view, row, i, spare) {
  const { t } = view, { kind, parts: { name, button, file, list, drop } } = row, word = kind.name || t("teach.class", { n: i + 1 });
  row.querySelector("legend").textContent = t("teach.class", { n: i + 1 });
  row.querySelector("label span").textContent = t("teach.open");
  file.setAttribute("aria-label", t("teach.openFor", { word }));
  name.setAttribute("aria-label", t("teach.className", { n: i + 1 }));
  name.placeholder = t("teach.classHint");
  button.textContent = button.getAttribute("aria-pressed") === "true" ? t("teach.stop") : t("teach.record");
  button.setAttribute("aria-label", `${button.textContent}: ${word}`);
  drop.textContent = t("teach.removeClass");
  drop.setAttribute("aria-label", `${drop.textContent}: ${word}`);
  drop.hidden = !spare;
  list.replaceChildren(...kind.clips.map((/** @type {any} */ clip) => clipItem(view, kind, clip)));
}

/** @param {any} view @param {any} kind @param {any} clip */
function clipItem(view, kind, clip) {
  const words = view.t("teach.clip", { speaker: clip.speaker, seconds: number(clip.samples.length / clip.rate, 1) });
  const hear = make("button", { type: "button", "aria-label": `${view.t("teach.hear")}: ${words}`, onclick: () => view.play(clip) }, "▶");
  const drop = make("button", { type: "button", "aria-label": `${view.t("teach.delete")}: ${words}`, onclick: () => view.removeClip(kind, clip) }, "✕");
  return make("li", {}, make("span", {}, words), hear, drop);
}
