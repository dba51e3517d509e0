// Files -> sound -> what a model says of the speech in it, as voicecam.network.recordings.predict_recording does.
import { cut, RATE, speech } from "./speech.js";

export const NO_SPEECH = "no speech";

/**
 * A sound file as one channel at 16 kHz, by the browser's own decoders. Throws an Error with the file's name where it has none.
 * @param {File | Blob} file
 * @returns {Promise<{samples: Float32Array, rate: number}>}
 */
export async function decode(file) {
  const name = file instanceof File ? file.name : "recording";
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(name);
  }
  const samples = new Float32Array(buffer.length);
  for (let c = 0; c < buffer.numberOfChannels; c++) {
    buffer.getChannelData(c).forEach((x, i) => { samples[i] += x / buffer.numberOfChannels; });
  }
  return { samples, rate: buffer.sampleRate };
}

/**
 * Find the speech, cut it out, classify it; prediction "no speech" where there is none. Times of windows are those of the speech.
 * @param {import("./model.js").Model} model
 * @param {Float32Array} samples  @param {number} rate  16 kHz
 */
export async function recognise(model, samples, rate) {
  const found = await speech(samples, rate);
  if (!found.length) return { prediction: NO_SPEECH, label: null, probability: null, windows: [], pieces: [], doubtful: false };
  const spoken = cut(samples, rate, found);
  return { ...(await model.classify(spoken.samples)), pieces: spoken.pieces, spoken: spoken.samples, doubtful: !!found.doubtful };
}
