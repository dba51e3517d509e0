// The microphone -> float32 samples at its own rate, and those samples as a WAV file. Judges and draws nothing.

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
    await context.audioWorklet.addModule("/static/capture.js");
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

// The samples as a WAV file of 32-bit float: what was captured, unrounded.
export function wav(samples, rate) {
  const head = new DataView(new ArrayBuffer(58));
  const text = (at, word) => [...word].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  const bytes = samples.length * 4;
  text(0, "RIFF"); head.setUint32(4, 50 + bytes, true); text(8, "WAVE");
  text(12, "fmt "); head.setUint32(16, 18, true);
  head.setUint16(20, 3, true); head.setUint16(22, 1, true); // float, one channel
  head.setUint32(24, rate, true); head.setUint32(28, rate * 4, true);
  head.setUint16(32, 4, true); head.setUint16(34, 32, true); head.setUint16(36, 0, true);
  text(38, "fact"); head.setUint32(42, 4, true); head.setUint32(46, samples.length, true);
  text(50, "data"); head.setUint32(54, bytes, true);
  return new Blob([head.buffer, new Float32Array(samples)], { type: "audio/wav" });
}
