// The microphone -> float32 samples at its own rate, and those samples as a WAV file. Judges and draws nothing.

import { GONE } from "/static/ask.js";

const WANTED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

// Start recording. onLevel gets each part's peak in dB of full scale and the seconds so far; onFull is called when `most` s are
// full. Returns stop(), which gives {samples, rate}.
export async function record({ most, onLevel, onFull }) {
  if (!navigator.mediaDevices) throw new Error("this browser gives no microphone to a page here; open it as http://127.0.0.1");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED }).catch((reason) => { throw new Error(explain(reason)); });
  const context = new AudioContext();
  const parts = [];
  let count = 0;
  try {
    await context.audioWorklet.addModule("/static/capture.js").catch(() => { throw new Error(GONE); });
    await context.resume();
  } catch (reason) {
    close(stream, context);
    throw reason;
  }
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  let ended;
  const over = new Promise((resolve) => { ended = resolve; });
  node.port.onmessage = ({ data }) => {
    if (data === null) return ended();
    const room = Math.floor(most * context.sampleRate) - count;
    const part = data.length > room ? data.slice(0, room) : data;
    parts.push(part);
    count += part.length;
    onLevel(decibels(part), count / context.sampleRate);
    if (part.length === room) onFull();
  };
  context.createMediaStreamSource(stream).connect(node);
  return async () => {
    node.port.postMessage("stop");
    await over;
    close(stream, context);
    const samples = new Float32Array(count);
    let at = 0;
    for (const part of parts) { samples.set(part, at); at += part.length; }
    return { samples, rate: context.sampleRate };
  };
}

function close(stream, context) {
  stream.getTracks().forEach((track) => track.stop());
  context.close();
}

function decibels(part) {
  let peak = 1e-6;
  for (const sample of part) peak = Math.max(peak, Math.abs(sample));
  return 20 * Math.log10(peak);
}

function explain(reason) {
  if (reason.name === "NotAllowedError") return "the browser did not allow the microphone; allow it beside the address, or open a file";
  if (reason.name === "NotFoundError") return "no microphone was found; plug one in, or open a file";
  return `the microphone cannot be opened (${reason.name}); close what else records, or open a file`;
}

// The samples as a WAV file of 16-bit integers, which every program reads. Cut off at full scale and rounded down, as libsndfile does
// for record_wav.py.
export function wav(samples, rate) {
  const bytes = samples.length * 2;
  const file = new DataView(new ArrayBuffer(44 + bytes));
  const text = (at, word) => [...word].forEach((letter, i) => file.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); file.setUint32(4, 36 + bytes, true); text(8, "WAVE");
  text(12, "fmt "); file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); file.setUint16(22, 1, true); // integers, one channel
  file.setUint32(24, rate, true); file.setUint32(28, rate * 2, true);
  file.setUint16(32, 2, true); file.setUint16(34, 16, true);
  text(36, "data"); file.setUint32(40, bytes, true);
  samples.forEach((sample, i) => file.setInt16(44 + 2 * i, Math.min(32767, Math.max(-32768, Math.floor(sample * 32768))), true));
  return new Blob([file.buffer], { type: "audio/wav" });
}
