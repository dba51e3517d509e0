// Samples -> columns of a spectrogram, 100 a second, kept as pixels on a canvas that is written round and round. Draws no axes.
import { fftOf } from "../sound/fft.js";

export const HOP = 160, SIZE = 512, WINDOW = 400, ROWS = 160, KEPT = 1100; // samples; pixels; columns, 11 s
const DEPTH = 55, FALL = 0.03, SOFTEST = -75; // dB from the brightest to the ground; dB a column; dB, what is always ground

/** @typedef {"light" | "dark"} Theme */

export class Spectra {
  /** @param {{hz: (y: number) => number}} axis @param {Theme} theme */
  constructor(axis, theme) {
    this.canvas = Object.assign(document.createElement("canvas"), { width: KEPT, height: ROWS });
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.column = this.pen.createImageData(1, ROWS);
    this.theme = theme;
    this.top = -30;
    this.fft = fftOf(SIZE);
    this.hann = Float64Array.from({ length: WINDOW }, (_, i) => (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW)) / (WINDOW / 2));
    const edge = (/** @type {number} */ y) => Math.min(SIZE / 2 - 1, Math.max(0, (axis.hz(y) * SIZE) / 16000));
    this.bins = Array.from({ length: ROWS }, (_, r) => [edge(r / ROWS), edge((r + 1) / ROWS)]); // of each row from below
    this.power = new Float64Array(SIZE / 2);
  }

  /** Write column number `at` of a stretch of WINDOW samples. @param {number} at @param {Float32Array} samples */
  write(at, samples) {
    const { re, im } = this.fft;
    re.fill(0);
    im.fill(0);
    for (let i = 1; i < WINDOW; i++) re[i] = (samples[i] - 0.97 * samples[i - 1]) * this.hann[i];
    this.fft.run();
    for (let k = 0; k < SIZE / 2; k++) this.power[k] = re[k] * re[k] + im[k] * im[k];
    const levels = this.bins.map(([a, b]) => 10 * Math.log10(this.level(a, b) + 1e-12));
    this.top = Math.max(this.top - FALL, SOFTEST + DEPTH, ...levels);
    for (let r = 0; r < ROWS; r++) {
      const share = Math.min(1, Math.max(0, 1 + (levels[r] - this.top) / DEPTH));
      const grey = this.theme === "dark" ? 12 + 233 * share : 255 - 235 * share, place = 4 * (ROWS - 1 - r);
      this.column.data.set([grey, grey, grey + (this.theme === "dark" ? 6 : 0), 255], place);
    }
    this.pen.putImageData(this.column, ((at % KEPT) + KEPT) % KEPT, 0);
  }

  /** The loudest bin between two places, or the line between two bins where they lie closer. @param {number} a @param {number} b */
  level(a, b) {
    if (b - a < 1) {
      const middle = (a + b) / 2, k = Math.floor(middle), share = middle - k;
      return this.power[k] * (1 - share) + (this.power[k + 1] ?? 0) * share;
    }
    let most = 0;
    for (let k = Math.floor(a); k <= b; k++) most = Math.max(most, this.power[k]);
    return most;
  }

  /**
   * Draw columns first to last (not included) over the whole of a box.
   * @param {CanvasRenderingContext2D} pen @param {number} first @param {number} last
   * @param {number} x @param {number} y @param {number} width @param {number} height  px
   */
  draw(pen, first, last, x, y, width, height) {
    const scale = width / (last - first);
    for (let from = first; from < last;) {
      const place = ((from % KEPT) + KEPT) % KEPT, n = Math.min(last - from, KEPT - place);
      pen.drawImage(this.canvas, place, 0, n, ROWS, x + (from - first) * scale, y, n * scale + 0.5, height);
      from += n;
    }
  }
}
