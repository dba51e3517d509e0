// A recording -> the network's vector of the speech in it: the mean over its windows, so that a linear layer on it gives the mean of the
// windows' logits, which is how voicecam.network.classifier judges a clip.

/**
 * @param {(model: any, samples: Float32Array, rate: number) => Promise<{windows: {vector: ArrayLike<number>}[]}>} recognise  engine's
 * @param {any} model @param {Float32Array} samples @param {number} rate  16 kHz
 * @returns {Promise<Float64Array | null>}  (model.vectorSize,); null where nobody speaks
 */
export async function vectorOf(recognise, model, samples, rate) {
  const { windows } = await recognise(model, samples, rate);
  if (!windows.length) return null;
  const mean = new Float64Array(windows[0].vector.length);
  for (const { vector } of windows) for (let i = 0; i < mean.length; i++) mean[i] += vector[i] / windows.length;
  return mean;
}
