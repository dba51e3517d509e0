// Samples -> a WAV file of 16-bit integers, which every program reads. Cut off at full scale and rounded down, as libsndfile does for
// record_wav.py.

/** @param {Float32Array} samples  one channel @param {number} rate  Hz @returns {Uint8Array} */
export function wavBytes(samples, rate) {
  const bytes = samples.length * 2;
  const file = new DataView(new ArrayBuffer(44 + bytes));
  const text = (/** @type {number} */ at, /** @type {string} */ word) => [...word].forEach((letter, i) => file.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); file.setUint32(4, 36 + bytes, true); text(8, "WAVE");
  text(12, "fmt "); file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); file.setUint16(22, 1, true); // integers, one channel
  file.setUint32(24, rate, true); file.setUint32(28, rate * 2, true);
  file.setUint16(32, 2, true); file.setUint16(34, 16, true);
  text(36, "data"); file.setUint32(40, bytes, true);
  samples.forEach((sample, i) => file.setInt16(44 + 2 * i, Math.min(32767, Math.max(-32768, Math.floor(sample * 32768))), true));
  return new Uint8Array(file.buffer);
}

/** As a Blob. @param {Float32Array} samples @param {number} rate */
export function wav(samples, rate) {
  return new Blob([/** @type {BlobPart} */ (wavBytes(samples, rate))], { type: "audio/wav" });
}
