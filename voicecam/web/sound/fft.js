// The discrete Fourier transform of real signals whose length is a power of two (Cooley and Tukey 1965), and what autocorrelation
// and resampling need of it. Knows nothing of sound.

/** A transform of `size` samples with its tables; one is made per size and kept. */
export class Fft {
  /** @param {number} size  a power of two */
  constructor(size) {
    if (size < 2 || (size & (size - 1)) !== 0) throw new RangeError(`Fourier transform of ${size} samples: give a power of two`);
    this.size = size;
    this.cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    this.swap = new Uint32Array(size);
    for (let i = 1; i < size; i++) this.swap[i] = (this.swap[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
  }

  /** In place on this.re and this.im: sum of x[n] exp(-2 pi i k n / size). */
  run() {
    const { size, re, im, cos, sin, swap } = this;
    for (let i = 0; i < size; i++) {
      const j = swap[i];
      if (j > i) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1, step = size >> 1; half < size; half *= 2, step >>= 1) {
      for (let begin = 0; begin < size; begin += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = begin + k, b = a + half, c = cos[k * step], s = -sin[k * step];
          const real = re[b] * c - im[b] * s, imaginary = re[b] * s + im[b] * c;
          re[b] = re[a] - real;
          im[b] = im[a] - imaginary;
          re[a] += real;
          im[a] += imaginary;
        }
      }
    }
  }

  /**
   * Circular autocorrelation of what stands in this.re (this.im is overwritten); the lags 0 to size - 1 stand in this.re after.
   * For the linear one fill at least as many zeros behind the signal as the largest lag.
   */
  autocorrelate() {
    const { size, re, im } = this;
    im.fill(0);
    this.run();
    for (let k = 0; k < size; k++) {
      re[k] = (re[k] * re[k] + im[k] * im[k]) / size;
      im[k] = 0;
    }
    this.run(); // of a real and even spectrum forwards and backwards are the same
  }
}

/** @type {Map<number, Fft>} */
const made = new Map();

/** The transform of this size. @param {number} size */
export function fftOf(size) {
  const found = made.get(size) ?? new Fft(size);
  made.set(size, found);
  return found;
}

/** The smallest power of two that is not below n. @param {number} n */
export function powerOfTwo(n) {
  return 2 ** Math.ceil(Math.log2(Math.max(2, n)));
}
