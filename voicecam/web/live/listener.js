// What is heard while somebody speaks: keeps the last seconds of sound, asks the detector and the network of the last second of
// speech again and again, and remembers answers, maps and pitch for as long. Draws nothing.
import { ask } from "../engine/ask.js";
import { centred, filled, levelled } from "../engine/level.js";
import { softmax } from "../engine/model.js";
import { DETECTOR, FRAME, MARGIN, RATE } from "../engine/speech.js";
import { pitchTrack } from "../sound/pitch.js";
import { HOP, WINDOW } from "./spectra.js";

export const KEPT = 11; // s of sound and answers
export const SLOT = 0.05; // s of a column of the map over time
const LIKELY = 0.5, ENDING = 0.35, GAP = 0.25; // of the detector, as engine/speech.js
const EVERY = 0.05; // s of new sound between two questions
const FIRST = 0.2; // s of speech before the first question
const MOST_GAIN = 100, QUIET = 1e-3; // for the detector: at most 40 dB louder, and nothing below -60 dBFS
export const SOFT = -45, CLIPPED = 0.985; // dBFS of speech; share of full scale

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {{time: number, speech: false, probabilities?: undefined, best?: undefined, probability?: undefined, sure?: undefined}} Silent */
/** @typedef {{time: number, speech: true, probabilities: number[], best: number, probability: number, sure: boolean}} Heard */
/** @typedef {Silent | Heard} Answer */
/** @typedef {{label: number, sum: Float32Array, n: number}} Slot  of the map over time: a class, the sum of n columns */

export class Listener {
  /** @param {Model} model @param {(what: "sound" | "answer") => void} changed  called after either */
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.sound = new Float32Array(KEPT * RATE);
    this.pitch = new Float32Array(KEPT * 100).fill(NaN); // Hz every 10 ms
    this.n = 0; // samples heard so far
    /** @type {Answer[]} */
    this.answers = [];
    /** @type {Map<number, Slot>} */
    this.slots = new Map();
    /** @type {((at: number, samples: Float32Array) => void)[]} */
    this.columns = []; // who wants the spectrogram's columns
    this.detected = 0; // samples that the detector has heard
    this.speaking = false;
    this.from = this.until = 0; // samples: the speech that goes on
    this.asked = this.pitched = 0;
    this.busy = this.paused = false;
    /** @type {(reason: unknown) => void} */ this.failed = () => {}; // called where a network cannot answer; nothing is heard then
    this.arrived = 0; // when the newest sample came, ms
    this.said = { pictures: 0, latencies: /** @type {number[]} */ ([]), began: 0 };
    ask("forget");
  }

  /** s heard so far */
  get time() { return this.n / RATE; }

  /** @param {Float32Array} samples  at 16 kHz */
  take(samples) {
    if (this.paused || !samples.length) return;
    const before = this.n;
    for (const x of samples) this.sound[this.n++ % this.sound.length] = x;
    this.arrived = performance.now();
    this.said.began ||= this.arrived;
    for (let c = Math.ceil(before / HOP); c * HOP <= this.n; c++) {
      if (c * HOP >= WINDOW && c * HOP > before) for (const column of this.columns) column(c, this.stretch(c * HOP - WINDOW, c * HOP));
    }
    this.changed("sound");
    this.ask();
  }

  /** Samples from one place to another; silence before the beginning. @param {number} from @param {number} to */
  stretch(from, to) {
    const out = new Float32Array(Math.max(0, to - from)), oldest = Math.max(0, this.n - this.sound.length);
    for (let i = Math.max(from, oldest); i < Math.min(to, this.n); i++) out[i - from] = this.sound[i % this.sound.length];
    return out;
  }

  /** Level of the last tenth of a second in dBFS; the loudest tenth of the last second; and whether that second is clipped. */
  level() {
    const tenth = RATE / 10, x = this.stretch(this.n - RATE, this.n), levels = [];
    let full = 0;
    for (let start = 0; start < x.length; start += tenth) {
      let sum = 0;
      for (const one of x.subarray(start, start + tenth)) { sum += one * one; if (Math.abs(one) >= CLIPPED) full++; }
      levels.push(10 * Math.log10(sum / tenth + 1e-12));
    }
    return { dbfs: levels[levels.length - 1], loudest: Math.max(...levels), clipped: full > 2 };
  }

  async ask() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (!this.paused && (await this.detect()) && this.n - this.asked >= EVERY * RATE) await this.look();
    } catch (reason) {
      this.paused = true;
      this.failed(reason);
    } finally {
      this.busy = false;
    }
  }

  /** Let the detector hear what is new. */
  async detect() {
    const frames = Math.floor((this.n - this.detected) / FRAME);
    if (!frames) return this.n > this.asked;
    const first = this.detected, x = this.stretch(first, first + frames * FRAME), gain = this.gain();
    this.detected += frames * FRAME;
    const p = await ask("listen", { url: DETECTOR, samples: x.map((one) => one * gain) });
    for (let i = 0; i < p.length; i++) {
      const start = first + i * FRAME;
      if (p[i] >= LIKELY && gain > 0) {
        if (!this.speaking) this.from = Math.max(0, start - MARGIN * RATE);
        this.speaking = true;
        this.until = start + FRAME;
      } else if (this.speaking && p[i] >= ENDING) this.until = start + FRAME;
      else if (this.speaking && start + FRAME - this.until >= GAP * RATE) this.speaking = false;
    }
    return true;
  }

  /** What brings the last three seconds to the detector's level; 0 where there is nothing to hear. */
  gain() {
    const x = this.stretch(Math.max(0, this.n - 3 * RATE), this.n), mean = x.reduce((a, b) => a + b, 0) / x.length;
    let sum = 0, peak = 0;
    for (const one of x) { sum += (one - mean) ** 2; peak = Math.max(peak, Math.abs(one - mean)); }
    const rms = Math.sqrt(sum / x.length);
    return rms < QUIET / 4 || peak < QUIET ? 0 : Math.min(10 ** (-26 / 20) / rms, 1 / peak, MOST_GAIN);
  }

  /** Ask the network of the last second of speech, and remember what it says. */
  async look() {
    const { model } = this, now = this.n, came = this.arrived, n = model.windowSamples;
    this.asked = now;
    this.follow(now);
    const end = Math.min(now, this.until + MARGIN * RATE), start = Math.max(this.from, end - n);
    if (!this.speaking || end - start < FIRST * RATE) {
      this.remember({ time: now / RATE, speech: false });
      this.counted(came);
      return;
    }
    const found = await model.analyse(prepared(this.stretch(start, end), model));
    const probabilities = softmax(found.logits, model.temperature), said = model.verdict(probabilities);
    this.keepMap(found.maps, said.best, start / RATE, end / RATE);
    const { best, probability } = said;
    this.remember({ time: now / RATE, speech: true, probabilities, best, probability, sure: probability >= model.threshold });
    this.counted(came);
  }

  /** @param {Answer} answer */
  remember(answer) {
    this.answers.push(answer);
    while (this.answers.length && this.answers[0].time < answer.time - KEPT) this.answers.shift();
    for (const slot of this.slots.keys()) if (slot * SLOT < answer.time - KEPT) this.slots.delete(slot);
    this.changed("answer");
  }

  /**
   * Lay a window's map over time: of the windows that lie over a moment and say the same, the mean.
   * @param {Float32Array} maps @param {number} label  a class @param {number} start  s @param {number} end  s
   */
  keepMap(maps, label, start, end) {
    const { mapRows: rows, mapColumns: columns, mapEdges: edges, config } = this.model, place = label * rows * columns;
    for (let slot = Math.ceil(start / SLOT); (slot + 0.5) * SLOT < end; slot++) {
      const share = ((slot + 0.5) * SLOT - start) / config.seconds;
      const column = Math.min(columns - 1, edges.columns.findIndex((edge) => edge > share) - 1);
      let kept = this.slots.get(slot);
      if (!kept || kept.label !== label) this.slots.set(slot, (kept = { label, sum: new Float32Array(rows), n: 0 }));
      for (let r = 0; r < rows; r++) kept.sum[r] += maps[place + r * columns + Math.max(0, column)];
      kept.n++;
    }
  }

  /** Pitch of what is new, in one pass. @param {number} now */
  follow(now) {
    const from = Math.max(this.pitched, now - RATE / 2) - 800, x = this.stretch(from, now);
    if (x.length < 2000) return;
    const { hop, start, hz } = pitchTrack(x, RATE, { passes: 1 });
    const quiet = this.level().dbfs < SOFT - 10;
    hz.forEach((one, i) => {
      const at = Math.round((from / RATE + start + i * hop) * 100);
      if (at >= 0) this.pitch[at % this.pitch.length] = quiet || !this.speaking ? NaN : one;
    });
    this.pitched = Math.max(0, now - 800);
  }

  /** @param {number} came  when the newest sample of this picture came, ms */
  counted(came) {
    this.said.pictures++;
    this.said.latencies.push(performance.now() - came);
    if (this.said.latencies.length > 300) this.said.latencies.shift();
  }
}

/** A stretch of speech as the network is shown it. @param {Float32Array} samples @param {Model} model */
export function prepared(samples, model) {
  const { config, windowSamples } = model;
  const whole = filled(config.centre ? centred(samples) : samples, windowSamples, config.pad).slice(0, windowSamples);
  return config.level_dbfs === null ? whole : levelled(whole, config.level_dbfs);
}
