// Samples -> what a network is shown of them, as voicecam.audio.prepare_whole and features.window_starts do it: constant offset off,
// filled to a window, level set. Resamples nothing: samples come at the model's rate.

/** Without its mean. @param {Float32Array} samples */
export function centred(samples) {
  let sum = 0;
  for (const x of samples) sum += x;
  const mean = sum / Math.max(1, samples.length);
  return samples.map((x) => x - mean);
}

/**
 * At `dbfs` dB re full scale, RMS over the samples that are not zero; softer where the peak would pass full scale.
 * @param {Float32Array} samples
 * @param {number} dbfs
 */
export function levelled(samples, dbfs) {
  let energy = 0, sounding = 0, peak = 0;
  for (const x of samples) {
    energy += x * x;
    if (x !== 0) sounding++;
    if (Math.abs(x) > peak) peak = Math.abs(x);
  }
  if (!sounding) return samples.slice();
  // rounded as Python rounds it: samples that differ in their last bit move cells over the borders of grey levels
  const gain = Math.fround(Math.min(10 ** (dbfs / 20) / Math.sqrt(energy / sounding), 1 / peak));
  return samples.map((x) => x * gain);
}

/** The nearest whole number, of two the even one, as Python rounds. @param {number} x */
function halfEven(x) {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
}

/**
 * At least `n` samples, filled as config.pad says: the sound again and again, silence behind it, or around it.
 * @param {Float32Array} samples @param {number} n @param {string} pad
 */
export function filled(samples, n, pad) {
  if (samples.length >= n || !samples.length) return samples;
  const out = new Float32Array(n);
  if (pad === "repeat") for (let i = 0; i < n; i++) out[i] = samples[i % samples.length];
  else out.set(samples, pad === "end" ? 0 : (n - samples.length) >> 1);
  return out;
}

/** The stretch of `n` samples with the most energy, the earliest such. @param {Float32Array} samples @param {number} n */
export function loudest(samples, n) {
  if (samples.length <= n) return 0;
  let energy = 0, best = 0, most = -1;
  for (let i = 0; i < samples.length; i++) {
    energy += samples[i] ** 2 - (i >= n ? samples[i - n] ** 2 : 0);
    if (i >= n - 1 && energy > most * (1 + 1e-12)) [most, best] = [energy, i - n + 1];
  }
  return best;
}

/**
 * The windows of a sound: where each starts, in samples, and what the network is shown.
 * @param {Float32Array} samples  at the model's rate
 * @param {import("./model.js").Model} model
 */
export function windowsOf(samples, model) {
  const { config, windowSamples: n, hop, window, frames } = model;
  let whole = config.centre ? centred(samples) : samples;
  let starts = [0], first = 0;
  if (config.windows === "loudest") {
    first = loudest(whole, n);
    whole = filled(whole.subarray(first, first + n), n, config.pad);
  } else {
    whole = filled(whole, n, config.pad);
    const end = Math.max(0, 1 + Math.floor((whole.length - window) / hop) - frames);
    const step = Math.max(1, halfEven(config.window_step * frames));
    starts = [];
    for (let start = 0; start < end; start += step) starts.push(start * hop);
    starts.push(end * hop);
  }
  if (config.level_dbfs !== null) whole = levelled(whole, config.level_dbfs);
  return starts.map((start) => ({ start: start + first, samples: whole.slice(start, start + n) }));
}
