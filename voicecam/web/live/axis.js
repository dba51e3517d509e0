// The frequency axis of all pictures: rows of the network's mel bands, so that its map lies on it as it is. Slaney's mel scale, as
// librosa has it.
const LINEAR = 200 / 3, BREAK = 1000, LOG = Math.log(6.4) / 27;
const TICKS = [100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 7000];

/** @param {number} hz */
const mel = (hz) => (hz < BREAK ? hz / LINEAR : BREAK / LINEAR + Math.log(hz / BREAK) / LOG);
/** @param {number} m */
const hertz = (m) => (m < BREAK / LINEAR ? m * LINEAR : BREAK * Math.exp(LOG * (m - BREAK / LINEAR)));

/** @typedef {ReturnType<typeof axisOf>} Axis */

/** @param {import("../engine/model.js").Config} config  of a model */
export function axisOf(config) {
  const low = mel(config.f_min), high = mel(config.f_max ?? config.sample_rate / 2), n = config.n_mels;
  const share = (/** @type {number} */ hz) => (((mel(hz) - low) / (high - low)) * (n + 1) - 0.5) / n;
  return {
    /** Height of a frequency as a share of the picture from its lower edge. */
    share,
    /** Frequency at a height. @param {number} y */
    hz: (y) => hertz(low + ((y * n + 0.5) / (n + 1)) * (high - low)),
    ticks: TICKS.filter((hz) => share(hz) > 0.02 && share(hz) < 0.985),
  };
}

/** "500", "1k", "1.5k" @param {number} hz */
export const named = (hz) => (hz < 1000 ? String(hz) : `${hz / 1000}k`);
