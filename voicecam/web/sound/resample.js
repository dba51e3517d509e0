// A sound at another rate: band-limited interpolation by a sinc under a Hann window (Smith 1984). Knows nothing of voices.

const ZEROS = 32; // crossings of the sinc to each side

/**
 * Every `step`-th sample, from the first on: the sound `step` times as fast. What would lie above the new half rate is taken out.
 * @param {Float32Array} samples
 * @param {number} step  0.25 to 4, whole or not
 * @param {number} [length]  of the result
 */
export function resampled(samples, step, length = Math.round(samples.length / step)) {
  const out = new Float32Array(length), cut = Math.min(1, 1 / step), reach = ZEROS / cut;
  for (let n = 0; n < length; n++) {
    const x = n * step;
    let sum = 0;
    for (let i = Math.max(0, Math.ceil(x - reach)); i <= Math.min(samples.length - 1, x + reach); i++) {
      const away = (x - i) * cut;
      const sinc = away === 0 ? 1 : Math.sin(Math.PI * away) / (Math.PI * away);
      sum += samples[i] * sinc * (0.5 + 0.5 * Math.cos((Math.PI * away) / ZEROS));
    }
    out[n] = sum * cut;
  }
  return out;
}
