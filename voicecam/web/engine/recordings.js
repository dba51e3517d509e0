// Files -> sound -> what a model says of the speech in it, as voicecam.network.recordings.predict_recording does.
import { decoded } from "../sound/decode.js";
import { cut, RATE, speech } from "./speech.js";

export const NO_SPEECH = "no speech";

/**
 * A sound file as one channel at 16 kHz, by the browser's own decoders. Throws an Error with the file's name where it has none.
 * @param {File | Blob} file
 * @returns {Promise<{samples: Float32Array, rate: number}>}
 */
export async function decode(file) {
  const name = file instanceof File ? file.name : "recording";
  try {
    return await decoded(file, RATE);
  } catch {
    throw new Error(name);
  }
}

/**
 * Find the speech, cut it out, classify it; prediction "no speech" where there is none. Times of windows are those of the speech.
 * @param {import("./model.js").Model} model
 * @param {Float32Array} samples  @param {number} rate  16 kHz
 */
export async function recognise(model, samples, rate) {
  const found = await speech(samples, rate);
  if (!found.length) return { prediction: NO_SPEECH, label: null, probability: null, windows: [], pieces: [], seconds: 0, doubtful: false };
  const spoken = cut(samples, rate, found), seconds = found.reduce((sum, { start, end }) => sum + end - start, 0);
  return { ...(await model.classify(spoken.samples)), pieces: spoken.pieces, spoken: spoken.samples, seconds, doubtful: !!found.doubtful };
}
