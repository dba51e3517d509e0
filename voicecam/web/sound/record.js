// One take from the microphone -> float32 samples at the sound context's rate. Judges and draws nothing.

const WANTED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
/** @type {WeakSet<BaseAudioContext>} */
const ready = new WeakSet(); // contexts that have the worklet

/**
 * Start recording. Throws a DOMException of getUserMedia (NotAllowedError, NotFoundError), or an Error "no microphone here" where
 * the browser gives none to such an address.
 * @param {{audio: AudioContext, most: number, onLevel?: (decibels: number, seconds: number) => void, onFull?: () => void}} options
 *   most : in s; then onFull is called. onLevel : gets each part's peak in dB of full scale and the seconds so far
 * @returns {Promise<() => Promise<{samples: Float32Array, rate: number}>>}  stop
 */
export async function record({ audio, most, onLevel = () => {}, onFull = () => {} }) {
  if (!navigator.mediaDevices) throw new Error("no microphone here");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
  /** @type {Float32Array[]} */
  const parts = [];
  let count = 0;
  try {
    if (!ready.has(audio)) await audio.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    ready.add(audio);
    await audio.resume();
  } catch (reason) {
    close(stream);
    throw reason;
  }
  const node = new AudioWorkletNode(audio, "capture-take", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  const source = audio.createMediaStreamSource(stream);
  const over = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => {
      if (data === null) return resolve(null);
      const part = data.subarray(0, Math.floor(most * audio.sampleRate) - count);
      parts.push(part);
      count += part.length;
      onLevel(decibels(part), count / audio.sampleRate);
      if (part.length < data.length) onFull();
    };
  });
  source.connect(node);
  return async () => {
    node.port.postMessage("stop");
    await over;
    source.disconnect();
    close(stream);
    const samples = new Float32Array(count);
    let at = 0;
    for (const part of parts) { samples.set(part, at); at += part.length; }
    return { samples, rate: audio.sampleRate };
  };
}

/** @param {MediaStream} stream */
function close(stream) {
  stream.getTracks().forEach((track) => track.stop());
}

/** @param {Float32Array} part */
function decibels(part) {
  return 20 * Math.log10(part.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 1e-6));
}
