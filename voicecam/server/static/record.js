// The microphone -> float32 samples at its own rate, by the recorder of the live page; what goes wrong in one line. Draws nothing.

import { GONE } from "/static/ask.js";
import { record as take } from "/static/sound/record.js";

export { wav } from "/static/sound/wav.js";

// Start recording. onLevel gets each part's peak in dB of full scale and the seconds so far; onFull is called when `most` s are
// full. Returns stop(), which gives {samples, rate}.
export async function record(wishes) {
  if (!navigator.mediaDevices) throw new Error("this browser gives no microphone to a page here; open it as http://127.0.0.1");
  const audio = new AudioContext();
  try {
    const stop = await take({ ...wishes, audio });
    return () => stop().finally(() => audio.close());
  } catch (reason) {
    audio.close();
    throw new Error(explain(reason));
  }
}

function explain(reason) {
  if (reason.name === "NotAllowedError") return "the browser did not allow the microphone; allow it beside the address, or open a file";
  if (reason.name === "NotFoundError") return "no microphone was found; plug one in, or open a file";
  if (reason.name === "AbortError") return GONE; // the recorder's worklet could not be fetched
  return `the microphone cannot be opened (${reason.name}); close what else records, or open a file`;
}
