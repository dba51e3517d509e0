// A button that records one take: pressed once it opens the microphone, pressed again it stops. Says in words what went wrong.
import { record } from "../sound/record.js";
import { resampled } from "../sound/resample.js";

const RATE = 16_000; // Hz; what networks take

/** @typedef {{samples: Float32Array, rate: number}} Sound */

/** At 16 kHz. @param {Sound} sound @returns {Sound} */
export function atRate({ samples, rate }) {
  return rate === RATE ? { samples, rate } : { samples: resampled(samples, rate / RATE), rate: RATE };
}

/**
 * @param {HTMLButtonElement} button
 * @param {{context: any, most: number, ready?: () => boolean, begun?: () => void, take: (sound: Sound) => void, fail: (words: string, reason: Error) => void, level?: (decibels: number, seconds?: number) => void, changed?: () => void, asItIs?: boolean}} options
 *   ready : whether recording may begin now; level : peak in dB of full scale; take : gets the sound at 16 kHz, or asItIs at the microphone's own rate;
 *   changed : the button says something else
 * @returns {() => void}  closes the microphone, and what was recorded is dropped: for a view that goes away
 */
export function recordButton(button, { context, most, ready = () => true, begun = () => {}, take, fail, level = () => {}, changed = () => {}, asItIs = false }) {
  /** @type {(() => Promise<Sound>) | null} */
  let stop = null;
  let opening = false;
  const finish = async (drop = false) => {
    if (!stop) return;
    const end = stop;
    stop = null;
    button.textContent = context.t("teach.record");
    button.setAttribute("aria-pressed", "false");
    changed();
    const sound = await end();
    level(-60);
    if (!drop) take(asItIs ? sound : atRate(sound));
  };
  button.addEventListener("click", async () => {
    if (stop) return finish();
    if (opening || !ready()) return;
    opening = true;
    try {
      stop = await record({ audio: context.audio, most, onLevel: level, onFull: () => finish() });
      button.textContent = context.t("teach.stop");
      button.setAttribute("aria-pressed", "true");
      changed();
      begun();
    } catch (reason) {
      fail(explain(context.t, /** @type {Error} */ (reason)), /** @type {Error} */ (reason));
    }
    opening = false;
  });
  return () => { finish(true); };
}

/** @param {(key: string, values?: any) => string} t @param {Error} reason */
function explain(t, reason) {
  if (reason.name === "NotAllowedError") return t("teach.micRefused");
  if (reason.name === "NotFoundError") return t("teach.micNone");
  return t("teach.micFailed", { why: reason.message });
}
