// The microphone, or a file played as if it were one -> blocks of samples at 16 kHz. Keeps none of them.
const RATE = 16000, REACH = 16; // crossings of the sinc to each side

/** Resamples a stream down to 16 kHz, a block after another. */
export class Down {
  /** @param {number} rate  Hz, that of the stream */
  constructor(rate) {
    this.step = rate / RATE;
    this.reach = Math.ceil(REACH * this.step);
    this.kept = new Float32Array(2 * this.reach);
    this.place = this.reach; // of the next output, in samples of `kept`
  }

  /** @param {Float32Array} block @returns {Float32Array} */
  next(block) {
    if (this.step === 1) return block;
    const all = new Float32Array(this.kept.length + block.length);
    all.set(this.kept);
    all.set(block, this.kept.length);
    const out = [];
    for (; this.place + this.reach < all.length; this.place += this.step) {
      let sum = 0;
      const first = Math.ceil(this.place - this.reach), last = Math.floor(this.place + this.reach);
      for (let i = Math.max(0, first); i <= last; i++) {
        const x = (this.place - i) / this.step;
        const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
        sum += all[i] * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / REACH));
      }
      out.push(sum / this.step);
    }
    const dropped = Math.max(0, Math.floor(this.place) - 2 * this.reach);
    this.kept = all.slice(dropped);
    this.place -= dropped;
    return Float32Array.from(out);
  }
}

/**
 * Open the microphone. Browsers' own clean-up is off: it changes what the network hears. Throws as getUserMedia does.
 * @param {(samples: Float32Array) => void} take  at 16 kHz
 * @returns {Promise<() => void>}  closes it
 */
export async function openMicrophone(take) {
  const wanted = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  try {
    return await listen(stream, new AudioContext({ sampleRate: RATE, latencyHint: "interactive" }), take);
  } catch { // Firefox joins no microphone to a context of another rate
    return listen(stream, new AudioContext({ latencyHint: "interactive" }), take);
  }
}

/** @param {MediaStream} stream @param {AudioContext} context @param {(samples: Float32Array) => void} take */
async function listen(stream, context, take) {
  const down = new Down(context.sampleRate);
  try {
    await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
    const source = context.createMediaStreamSource(stream);
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => take(down.next(data));
    source.connect(capture);
    await context.resume();
  } catch (reason) {
    await context.close();
    throw reason;
  }
  return () => {
    for (const track of stream.getTracks()) track.stop();
    context.close();
  };
}

/**
 * Play samples at 16 kHz to the loudspeaker and to `take` at the same time, as if they came from the microphone.
 * @param {Float32Array} samples @param {AudioContext} context @param {(samples: Float32Array) => void} take @param {() => void} ended
 * @returns {() => void}  stops it
 */
export function playFile(samples, context, take, ended) {
  const buffer = context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  const start = context.currentTime;
  source.start();
  let given = 0;
  const timer = setInterval(() => {
    const until = Math.min(samples.length, Math.round((context.currentTime - start) * RATE));
    if (until > given) take(samples.slice(given, until));
    given = Math.max(given, until);
    if (given >= samples.length) { stop(); ended(); }
  }, 16);
  const stop = () => { clearInterval(timer); source.onended = null; try { source.stop(); } catch { /* over already */ } };
  return stop;
}
