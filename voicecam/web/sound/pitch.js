// Pitch of a voice over time, by the autocorrelation of windowed frames divided by that of the window, and the cheapest path through
// the candidates of all frames (Boersma 1993, as in Praat's "To Pitch (ac)", with its defaults). Finds no speech.
import { fftOf, powerOfTwo } from "./fft.js";

const SILENCE = 0.03; // of the loudest sample: below this a frame is not voiced
const VOICING = 0.45; // strength from which a frame is voiced
const OCTAVE = 0.01, JUMP = 0.35, CHANGE = 0.14; // costs: of low candidates, of an octave's jump, of voiced to unvoiced
const MOST = 15; // candidates of a frame, the unvoiced one among them
const PERIODS = 3; // of the lowest pitch, in a frame
const DEPTH = 30; // samples to each side that interpolate
const FEWEST = 16_000; // Hz; a faster sound is averaged down to no less than this

/** @typedef {{hz: number, strength: number}} Candidate  hz 0: unvoiced */
/** @typedef {{hop: number, start: number, hz: Float32Array, strength: Float32Array}} Track */

/**
 * Pitch in Hz every `hopSeconds`, NaN where nothing is voiced.
 * @param {Float32Array} samples  one channel
 * @param {number} rate  Hz
 * @param {{low?: number, high?: number, hopSeconds?: number, passes?: number}} [options]  low, high : in Hz. passes : 2 looks again
 *   from 0.75 times the first to 1.5 times the third quartile of what the first pass found, which avoids most octave errors (De Looze
 *   and Hirst 2008); 1 is for a picture that follows the sound
 * @returns {Track}  hop : s from frame to frame; start : s at the middle of the first one; strength : the autocorrelation, 0 to 1
 */
export function pitchTrack(samples, rate, { low = 60, high = 600, hopSeconds = 0.01, passes = 2 } = {}) {
  const first = onePass(samples, rate, low, high, hopSeconds);
  const found = first.hz.filter((hz) => !Number.isNaN(hz)).sort();
  if (passes < 2 || !found.length) return first;
  const [below, above] = [quantile(found, 0.25), quantile(found, 0.75)];
  return onePass(samples, rate, Math.max(low, 0.75 * below), Math.min(high, 1.5 * above), hopSeconds);
}

/** The median of the voiced frames in Hz; NaN without any. @param {Track} track */
export function medianPitch({ hz }) {
  const found = hz.filter((one) => !Number.isNaN(one)).sort();
  return found.length ? quantile(found, 0.5) : NaN;
}

/** @param {Float32Array} sorted @param {number} share  0 to 1; on a straight line between neighbours */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1), i = Math.floor(place);
  return sorted[i] + (place - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
}

/** @returns {Track} @param {Float32Array} samples @param {number} rate @param {number} low @param {number} high @param {number} hop */
function onePass(samples, rate, low, high, hop) {
  const factor = Math.max(1, Math.floor(rate / FEWEST));
  const sound = averaged(samples, factor), slow = rate / factor;
  const n = 2 * Math.floor(((PERIODS / low) * slow) / 2) - 2, count = Math.max(0, Math.floor((sound.length - n) / (hop * slow)) + 1);
  const start = (sound.length / slow - (count - 1) * hop) / 2; // the frames stand in the middle of the sound
  const finder = new Finder(n, slow, low, high, loudest(sound));
  const frames = Array.from({ length: count }, (_, i) => finder.candidates(sound, Math.round((start + i * hop) * slow - n / 2)));
  const path = cheapest(frames, hop, high);
  return { hop, start, hz: Float32Array.from(path, ({ hz }) => hz || NaN), strength: Float32Array.from(path, ({ strength }) => strength) };
}

/** The mean of each `factor` samples. @param {Float32Array} samples @param {number} factor */
function averaged(samples, factor) {
  if (factor === 1) return samples;
  const out = new Float32Array(Math.floor(samples.length / factor));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let j = 0; j < factor; j++) sum += samples[i * factor + j];
    out[i] = sum / factor;
  }
  return out;
}

/** @param {Float32Array} sound */
function loudest(sound) {
  const mean = sound.reduce((sum, x) => sum + x, 0) / Math.max(1, sound.length);
  return sound.reduce((most, x) => Math.max(most, Math.abs(x - mean)), 0);
}

/** Finds the candidates of frames of one length. */
class Finder {
  /** @param {number} n  samples of a frame @param {number} rate @param {number} low @param {number} high @param {number} peak */
  constructor(n, rate, low, high, peak) {
    this.n = n;
    this.rate = rate;
    this.low = low;
    this.high = high;
    this.peak = peak;
    this.fft = fftOf(powerOfTwo(1.5 * n));
    this.window = Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (n + 1))); // Hann
    this.most = Math.min(Math.floor(n / PERIODS) + 2, n - 1); // lag in samples
    this.own = this.correlation((i) => this.window[i]); // of the window
  }

  /** Autocorrelation over its value at 0, up to the largest lag. @param {(i: number) => number} sample */
  correlation(sample) {
    const { fft, n, most } = this;
    fft.re.fill(0);
    for (let i = 0; i < n; i++) fft.re[i] = sample(i);
    fft.autocorrelate();
    const zero = fft.re[0];
    return Float64Array.from({ length: Math.min(n, most + DEPTH) }, (_, lag) => (zero > 0 ? fft.re[lag] / zero : 0));
  }

  /** @param {Float32Array} sound @param {number} begin  first sample @returns {Candidate[]} */
  candidates(sound, begin) {
    const { n, rate, low, high, peak, window, own } = this;
    begin = Math.max(0, Math.min(begin, sound.length - n));
    const middle = n >> 1, period = Math.floor(rate / low), half = (period >> 1) + 1;
    let mean = 0; // of two periods
    for (let i = middle - period; i < middle + period; i++) mean += sound[begin + i] / (2 * period);
    let level = 0; // of one
    for (let i = middle - half; i < middle + half; i++) level = Math.max(level, Math.abs(sound[begin + i] - mean));
    const quiet = peak > 0 ? Math.max(0, 2 - (level / peak) / (SILENCE / (1 + VOICING))) : 2;
    /** @type {Candidate[]} */
    const found = [];
    if (level > 0) {
      const r = this.correlation((i) => (sound[begin + i] - mean) * window[i]);
      for (let lag = 0; lag < r.length; lag++) r[lag] /= own[lag];
      for (let lag = 2; lag < this.most; lag++) {
        if (r[lag] < VOICING / 2 || r[lag] <= r[lag - 1] || r[lag] < r[lag + 1]) continue;
        const { place, height } = top(r, lag);
        const hz = rate / place;
        if (hz >= low && hz <= high) found.push({ hz, strength: height > 1 ? 1 / height : height });
      }
      found.sort((a, b) => weight(b, low) - weight(a, low));
      found.length = Math.min(found.length, MOST - 1);
    }
    return [{ hz: 0, strength: VOICING + quiet }, ...found];
  }
}

/** The peak near a lag, between samples: band-limited interpolation a quarter of a sample apart, then a parabola. */
function top(/** @type {Float64Array} */ r, /** @type {number} */ lag) {
  const first = parabola(r[lag - 1], r[lag], r[lag + 1]);
  const middle = lag + first.place;
  const fine = parabola(between(r, middle - 0.25), between(r, middle), between(r, middle + 0.25));
  return { place: middle + 0.25 * Math.max(-1, Math.min(1, fine.place)), height: fine.height };
}

/** Of three equally spaced values @param {number} left @param {number} middle @param {number} right */
function parabola(left, middle, right) {
  const slope = (right - left) / 2, bend = 2 * middle - left - right;
  return bend > 0 ? { place: slope / bend, height: middle + (slope * slope) / (2 * bend) } : { place: 0, height: middle };
}

/** An even sequence between its samples, by a sinc under a Hann window. @param {Float64Array} r @param {number} x */
function between(r, x) {
  const near = Math.round(x);
  if (Math.abs(x - near) < 1e-9) return r[near];
  const sine = Math.sin(Math.PI * x);
  let sum = 0;
  for (let i = near - DEPTH; i <= near + DEPTH; i++) {
    const value = r[Math.abs(i)];
    if (value === undefined) continue;
    const away = x - i;
    sum += ((value * (i % 2 ? -sine : sine)) / (Math.PI * away)) * (0.5 + 0.5 * Math.cos((Math.PI * away) / (DEPTH + 1)));
  }
  return sum;
}

/** What a candidate earns: higher ones a little more. @param {Candidate} one @param {number} reference  Hz */
function weight({ hz, strength }, reference) {
  return hz ? strength - OCTAVE * Math.log2(reference / hz) : strength;
}

/** The path through the candidates that earns most (Viterbi). @param {Candidate[][]} frames @param {number} hop @param {number} high */
function cheapest(frames, hop, high) {
  const scale = 0.01 / hop;
  /** @type {number[][]} */
  const from = [];
  let sums = (frames[0] ?? []).map((one) => weight(one, high));
  for (let f = 1; f < frames.length; f++) {
    const back = frames[f].map(() => 0);
    sums = frames[f].map((one, i) => {
      let best = -Infinity;
      frames[f - 1].forEach((other, j) => {
        const cost = one.hz && other.hz ? JUMP * Math.abs(Math.log2(one.hz / other.hz)) : one.hz || other.hz ? CHANGE : 0;
        const sum = sums[j] - scale * cost;
        if (sum > best) [best, back[i]] = [sum, j];
      });
      return best + weight(one, high);
    });
    from.push(back);
  }
  let place = sums.indexOf(Math.max(...sums));
  const path = frames.map(() => /** @type {Candidate} */ ({ hz: 0, strength: 0 }));
  for (let f = frames.length - 1; f >= 0; f--) {
    const { hz, strength } = frames[f][place];
    path[f] = { hz, strength: hz ? strength : 0 };
    if (f) place = from[f - 1][place];
  }
  return path;
}
