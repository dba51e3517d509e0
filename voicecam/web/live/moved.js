// A second of speech with its pitch and formants moved: to be heard, and what the network says of it then.
import { moveVoice } from "../sound/move.js";
import { number, translate } from "../strings.js";
import { prepared } from "./listener.js";
import { lay } from "../dom.js";

const HTML = `
<h3 data-t="live.move"></h3>
<div class="row">
<label class="wide"><span data-t="live.semitones"></span> <input type="range" id="semitones" min="-12" max="12" step="1" value="0"> <output id="semitones-value">0</output></label>
<label class="wide"><span data-t="live.formants"></span> <input type="range" id="formants" min="0.8" max="1.25" step="0.05" value="1"> <output id="formants-value">1</output></label>
<button type="button" id="hear-moved" data-t="live.hearMoved"></button></div>
<p id="moved-words" aria-live="polite"></p>`;

/**
 * @param {HTMLElement} element
 * @param {{model: import("../engine/model.js").Model, t: import("../engine/model.js").Words, samples: () => Float32Array, play: (samples: Float32Array) => void}} given
 */
export function mountMoved(element, { model, t, samples, play }) {
  lay(element, HTML);
  translate(element);
  /** @param {string} id @returns {any} */
  const $ = (id) => element.querySelector(`#${id}`);
  for (const [id, digits] of /** @type {[string, number][]} */ ([["semitones", 0], ["formants", 2]])) {
    $(id).oninput = () => { $(`${id}-value`).textContent = number(Number($(id).value), digits); };
    $(id).oninput();
  }
  $("hear-moved").onclick = async () => {
    const change = { semitones: Number($("semitones").value), formants: Number($("formants").value) };
    const moved = moveVoice(samples(), 16000, change), peak = moved.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    play(peak > 1 ? moved.map((x) => x / peak) : moved);
    const { probabilities } = await model.analyse(prepared(moved, model)), said = model.verdict(probabilities);
    const word = said.probability >= model.threshold ? said.label : t("live.uncertain");
    const how = { ...change, semitones: (change.semitones > 0 ? "+" : "") + number(change.semitones, 0) };
    $("moved-words").textContent = t("live.movedWords", { ...how, answer: word, label: said.label, p: number(said.probability, 2) });
  };
}
