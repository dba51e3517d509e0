// A model that scripts/export_web.py wrote, and what it says of sounds, as voicecam.network.classifier.Classifier says it. Finds no
// speech (speech.js) and draws nothing.
import { held, MODEL } from "./answers.js";
import { ask } from "./ask.js";
import { windowsOf } from "./level.js";

export const UNCERTAIN = "uncertain";

/** @typedef {{features: string, sample_rate: number, f_min: number, f_max: number | null, n_mels: number, seconds: number, windows: string,
 *   window_step: number, pad: string, centre: boolean, level_dbfs: number | null}} Config  as voicecam.config.Config writes it */
/** @typedef {ReturnType<Model["verdict"]>} Verdict */
/** @typedef {(key: string, values?: Record<string, any>) => string} Words  t of strings.js */
/** @typedef {{t: Words, models: string[], model: Model | null, readonly audio: AudioContext, choose: (name: string) => Promise<Model>,
 *   backend: () => Promise<import("./backend.js").Backend>,
 *   recognise?: any, decode?: any, base?: Model}} Context
 *   what views are given. models: names of the browser's, the one that is offered first at the front; model: the chosen one, loaded;
 *   backend: who answers about recordings; recognise, decode,
 *   base: ways and a network that are not the engine's own */

/**
 * Fetch a model and its network. Throws where either cannot be had.
 * @param {string | URL} folderUrl  of network.onnx and model.json, with or without a slash at its end
 * @returns {Promise<Model>}
 */
export async function loadModel(folderUrl) {
  const folder = new URL(`${folderUrl}`.replace(/\/?$/, "/"), document.baseURI);
  const answer = await fetch(new URL("model.json", folder));
  if (!answer.ok) throw new Error(`${folder.pathname}model.json: status ${answer.status}`);
  const url = new URL("network.onnx", folder).href;
  const reading = answer.json().catch(() => null).then((found) => held(found, MODEL, `${folder.pathname}model.json`));
  const [about] = await Promise.all([reading, ask("load", { url })]);
  return new Model(about, url);
}

/** @param {ArrayLike<number>} logits @param {number} temperature */
export function softmax(logits, temperature = 1) {
  const scaled = Array.from(logits, (x) => x / temperature), top = Math.max(...scaled);
  const raised = scaled.map((x) => Math.exp(x - top)), sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((x) => x / sum);
}

export class Model {
  /** @param {any} about  what model.json holds: see export_web.py @param {string} url */
  constructor(about, url) {
    const own = Object.entries(about).filter(([key]) => !(key in this)); // no method, and nothing that every object has
    for (const [key, value] of own) /** @type {any} */ (this)[key] = value;
    /** @type {string} */ this.name;
    /** @type {string} */ this.label; // what its classes are of: "digit"
    /** @type {string} */ this.method; // of its maps
    /** @type {Config} */ this.config;
    /** @type {string[]} */ this.classes;
    /** @type {number} */ this.temperature;
    /** @type {number} */ this.threshold;
    /** @type {number} */ this.rate; // Hz
    /** @type {number} */ this.windowSamples;
    /** @type {number} */ this.window; // samples of a spectrum
    /** @type {number} */ this.hop; // samples from one to the next
    /** @type {number} */ this.frames; // of a window
    /** @type {number} */ this.mapRows;
    /** @type {number} */ this.mapColumns;
    /** @type {{rows: number[], columns: number[]}} */ this.mapEdges; // shares of the picture from its lower left corner
    /** @type {{names: string[], limits: [number, number][], shares: number[][], training?: Record<string, any>}} */ this.bands; // limits in Hz; training: of each class, what single training clips have
    this.url = url;
  }

  /**
   * One window, windowSamples long, at the model's rate, its level set (see level.js).
   * @param {Float32Array} samples
   * @returns {Promise<{logits: Float32Array, probabilities: number[], maps: Float32Array, vector: Float32Array, picture: Float32Array}>}
   *   maps: class x mapRows x mapColumns, raw, row 0 lowest; vector: the last stage's mean; picture: n_rows x frames, 0 to 255
   */
  async analyse(samples) {
    const found = await ask("analyse", { url: this.url, samples, bands: this.config.n_mels });
    if (found.logits.length !== this.classes.length || !found.logits.every(Number.isFinite)) throw new Error(`the network ${this.name} gave no numbers for this sound`);
    return { ...found, probabilities: softmax(found.logits, this.temperature) };
  }

  /**
   * What each band is worth to a class: how far its score falls when the band is as in the average training clip. In logits, as
   * explanation.band_occlusion.
   * @param {Float32Array} samples  one window
   * @param {number} k  the class
   */
  async bandWorth(samples, k) {
    const { shares } = this.bands, n = this.config.n_mels, classes = this.classes.length;
    const averaged = new Float32Array((shares.length + 1) * n);
    shares.forEach((row, i) => averaged.set(row, (i + 1) * n));
    const { logits } = await ask("analyse", { url: this.url, samples, averaged, bands: n });
    const score = (/** @type {number} */ i) => logits[i * classes + k] - (classes === 2 ? logits[i * classes + 1 - k] : 0);
    return shares.map((_, i) => score(0) - score(i + 1));
  }

  /** One answer of a sound's probabilities. @param {number[]} probabilities */
  verdict(probabilities) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const sure = probabilities[best] >= this.threshold;
    return { prediction: sure ? this.classes[best] : UNCERTAIN, label: this.classes[best], best, probability: probabilities[best] };
  }

  /**
   * A sound that is speech from end to end: its windows' logits are averaged, then divided by the temperature.
   * @param {Float32Array} samples  at the model's rate
   */
  async classify(samples) {
    const windows = [], mean = new Array(this.classes.length).fill(0), parts = windowsOf(samples, this);
    const { rate } = this, { seconds } = this.config, total = samples.length / rate;
    for (const part of parts) {
      const found = await this.analyse(part.samples), start = part.start / rate;
      found.logits.forEach((x, k) => { mean[k] += x / parts.length; });
      windows.push({ start, end: Math.min(total, start + seconds), samples: part.samples, ...found });
    }
    const probabilities = softmax(mean, this.temperature), said = this.verdict(probabilities);
    const alone = windows.map((one) => one.probabilities[said.best]);
    return { ...said, probabilities, logits: mean, windows, strongest: alone.indexOf(Math.max(...alone)) };
  }
}
