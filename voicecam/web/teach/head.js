// A linear layer with a softmax (multinomial logistic regression) on the network's vectors: trained on all clips at once, with an L2
// penalty, by gradient descent with momentum (Nesterov 1983); no chance is in it. Knows no sound and no speaker.

export const PENALTY = 0.1; // the least log loss on four words of the demo voices, taught by 3 or 5 speakers, asked of 11 others
const STEPS = 3000; // at most
const SMALL = 1e-7; // gradient at which it is done
const STILL = 1e-9; // of the largest spread: less is rounding

/** @typedef {{weights: Float64Array[], bias: Float64Array}} Head  weights : one row a class */

/**
 * Minimises the mean cross-entropy, each class weighing the same, plus penalty / 2 times the squared weights of vectors that are
 * brought to mean 0 and spread 1; the head takes the vectors as they are.
 * @param {ArrayLike<number>[]} vectors  (clip, n)
 * @param {number[]} targets  class of each clip, 0 to classes - 1; each class at least once
 * @param {number} classes
 * @param {{penalty?: number}} [options]
 * @returns {Head}
 */
export function trainHead(vectors, targets, classes, { penalty = PENALTY } = {}) {
  const { mean, spread } = scaleOf(vectors);
  const x = vectors.map((vector) => Float64Array.from(vector, (value, i) => (value - mean[i]) / spread[i]));
  const n = mean.length, counts = new Array(classes).fill(0);
  for (const target of targets) counts[target]++;
  const share = targets.map((target) => 1 / (classes * counts[target])); // sums to 1
  const size = n + 1, step = 1 / (0.5 * largest(x, share, n) + penalty);
  let theta = new Float64Array(classes * size), ahead = theta.slice();
  for (let k = 1; k <= STEPS; k++) {
    const slope = gradient(ahead, x, targets, share, classes, n, penalty);
    const next = ahead.map((value, i) => value - step * slope[i]);
    const momentum = (k - 1) / (k + 2);
    ahead = next.map((value, i) => value + momentum * (value - theta[i]));
    theta = next;
    if (slope.every((value) => Math.abs(value) < SMALL)) break;
  }
  return unscaled(theta, mean, spread, classes);
}

/** Logits of a vector. @param {Head} head @param {ArrayLike<number>} vector */
export function logitsOf({ weights, bias }, vector) {
  return weights.map((row, c) => row.reduce((sum, weight, i) => sum + weight * vector[i], bias[c]));
}

/** Probabilities at a temperature. @param {number[]} logits @param {number} [temperature] */
export function softmax(logits, temperature = 1) {
  const top = Math.max(...logits);
  const found = logits.map((logit) => Math.exp((logit - top) / temperature));
  const sum = found.reduce((a, b) => a + b, 0);
  return found.map((value) => value / sum);
}

/** Place of the largest. @param {number[]} values */
export function argmax(values) {
  return values.indexOf(Math.max(...values));
}

/** Mean and spread of each number; 1 for one that does not move. @param {ArrayLike<number>[]} vectors */
function scaleOf(vectors) {
  const n = vectors[0].length, mean = new Float64Array(n), spread = new Float64Array(n);
  for (const vector of vectors) for (let i = 0; i < n; i++) mean[i] += vector[i] / vectors.length;
  for (const vector of vectors) for (let i = 0; i < n; i++) spread[i] += (vector[i] - mean[i]) ** 2 / vectors.length;
  const least = STILL * Math.sqrt(Math.max(...spread));
  return { mean, spread: spread.map((value) => (Math.sqrt(value) > least ? Math.sqrt(value) : 1)) };
}

/** An upper estimate of the largest eigenvalue of the clips' second moments, by powers (30 steps, 5 % on top). */
function largest(/** @type {Float64Array[]} */ x, /** @type {number[]} */ share, /** @type {number} */ n) {
  let direction = new Float64Array(n + 1).fill(1), length = 1;
  for (let k = 0; k < 30; k++) {
    const next = new Float64Array(n + 1);
    x.forEach((row, c) => {
      const along = share[c] * (row.reduce((sum, value, i) => sum + value * direction[i], direction[n]));
      row.forEach((value, i) => { next[i] += along * value; });
      next[n] += along;
    });
    length = Math.hypot(...next);
    direction = next.map((value) => value / length);
  }
  return 1.05 * length;
}

function gradient(/** @type {Float64Array} */ theta, /** @type {Float64Array[]} */ x, /** @type {number[]} */ targets, /** @type {number[]} */ share, /** @type {number} */ classes, /** @type {number} */ n, /** @type {number} */ penalty) {
  const size = n + 1, slope = new Float64Array(theta.length);
  x.forEach((row, clip) => {
    const logits = [];
    for (let c = 0; c < classes; c++) {
      let sum = theta[c * size + n];
      for (let i = 0; i < n; i++) sum += theta[c * size + i] * row[i];
      logits.push(sum);
    }
    softmax(logits).forEach((p, c) => {
      const error = share[clip] * (p - (c === targets[clip] ? 1 : 0));
      for (let i = 0; i < n; i++) slope[c * size + i] += error * row[i];
      slope[c * size + n] += error;
    });
  });
  for (let c = 0; c < classes; c++) for (let i = 0; i < n; i++) slope[c * size + i] += penalty * theta[c * size + i];
  return slope;
}

/** @returns {Head} */
function unscaled(/** @type {Float64Array} */ theta, /** @type {Float64Array} */ mean, /** @type {Float64Array} */ spread, /** @type {number} */ classes) {
  const n = mean.length, weights = [], bias = new Float64Array(classes);
  for (let c = 0; c < classes; c++) {
    const row = theta.slice(c * (n + 1), c * (n + 1) + n).map((weight, i) => weight / spread[i]);
    bias[c] = theta[c * (n + 1) + n] - row.reduce((sum, weight, i) => sum + weight * mean[i], 0);
    weights.push(row);
  }
  return { weights, bias };
}
