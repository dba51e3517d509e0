// Sound files -> float32 samples, by the browser's own decoder; for the server those that it does not read, such as m4a and webm. Judges nothing.
import { t } from "../strings.js";

const RATE = 48000; // Hz; what telephones record, or more
const PATIENCE = 3000; // ms for a file's duration

/**
 * The file's sound, one channel; null for a file that the server reads itself (WAV, FLAC, OGG, MP3), so that its answer is that of the
 * command line, and for one that is empty or that the browser cannot decode either. Throws an Error beyond `most` s.
 * @param {File} file @param {number} most @returns {Promise<{samples: Float32Array, rate: number} | null>}
 */
export async function decode(file, most) {
  if (file.size === 0 || readByServer(new Uint8Array(await file.slice(0, 12).arrayBuffer()))) return null;
  refuseLong(await duration(file), most); // before the decoder fills the memory
  const sound = await decoded(file, RATE).catch(() => null);
  if (sound) refuseLong(sound.samples.length / sound.rate, most);
  return sound;
}

/** Any file that the browser can decode, at a rate in Hz. Throws an Error where it cannot. @param {Blob} file @param {number} rate */
export async function decoded(file, rate) {
  const samples = mixed(await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer()));
  if (!samples.every(Number.isFinite)) throw new Error(t("recording.unreadable")); // a WAV of floats can hold NaN
  return { samples, rate };
}

/** By its first bytes; names may lie. @param {Uint8Array} head */
function readByServer(head) {
  const text = String.fromCharCode(...head);
  const mp3 = head[0] === 0xff && head[1] >= 0xe0 && (head[1] & 0x06) !== 0; // the layer's two bits are 0 in AAC
  return /^(RIFF....WAVE|fLaC|OggS|ID3)/s.test(text) || mp3;
}

/** @param {number} seconds @param {number} most */
export function refuseLong(seconds, most) {
  if (Number.isFinite(seconds) && seconds > most) throw new Error(t("recording.tooLong", { seconds: Math.ceil(seconds), most }));
}

/** In s as the file says; Infinity or NaN where it does not. @param {Blob} file @returns {Promise<number>} */
export function duration(file) {
  const player = new Audio();
  player.preload = "metadata";
  return new Promise((resolve) => {
    setTimeout(resolve, PATIENCE, NaN);
    for (const event of ["loadedmetadata", "error"]) player.addEventListener(event, () => resolve(player.duration));
    player.src = URL.createObjectURL(file);
  }).finally(() => URL.revokeObjectURL(player.src));
}

/** The mean over channels, as the server mixes. @param {AudioBuffer} buffer */
function mixed(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  return Float32Array.from(channels[0], (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}
