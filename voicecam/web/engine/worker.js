// Runs the networks, away from the page so that drawing never waits: models as scripts/export_web.py writes them, and Silero's
// speech detector. Knows no sound files, levels or verdicts. Messages {id, kind, ...} are answered by {id, value} or {id, error}.
import * as ort from "../vendor/ort.wasm.min.mjs";

const FRAME = 512, CONTEXT = 64, STATE = 128; // of Silero at 16 kHz: samples of a frame, those before it that it hears again, width

ort.env.wasm.wasmPaths = new URL("../vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain web host does not send
ort.env.logLevel = "error";

/** @type {Map<string, Promise<any>>} */
const sessions = new Map();
let heard = { h: new Float32Array(STATE), c: new Float32Array(STATE), before: new Float32Array(CONTEXT) }; // of the live detector
let queue = Promise.resolve(); // one network at a time: wasm has one thread

/** @param {string} url */
function session(url) {
  if (!sessions.has(url)) {
    const made = fetch(url).then(async (answer) => {
      if (!answer.ok) throw new Error(`${url}: status ${answer.status}`);
      return ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), { executionProviders: ["wasm"] });
    });
    made.catch(() => sessions.delete(url));
    sessions.set(url, made);
  }
  return /** @type {Promise<any>} */ (sessions.get(url));
}

/** Probability of speech in each frame, and the state after it. @param {Float32Array} samples @param {typeof heard} state */
async function frames(url, samples, state) {
  const detector = await session(url), n = Math.ceil(samples.length / FRAME), input = new Float32Array(n * (CONTEXT + FRAME));
  if (!n) return { probabilities: new Float32Array(0), state };
  const whole = new Float32Array(CONTEXT + n * FRAME);
  whole.set(state.before);
  whole.set(samples, CONTEXT);
  for (let i = 0; i < n; i++) input.set(whole.subarray(i * FRAME, (i + 1) * FRAME + CONTEXT), i * (CONTEXT + FRAME));
  const feeds = {
    input: new ort.Tensor("float32", input, [n, CONTEXT + FRAME]),
    h: new ort.Tensor("float32", state.h, [1, 1, STATE]),
    c: new ort.Tensor("float32", state.c, [1, 1, STATE]),
  };
  const found = await detector.run(feeds);
  const next = { h: found.hn.data, c: found.cn.data, before: whole.slice(n * FRAME) };
  return { probabilities: found.speech_probs.data, state: next };
}

const silent = () => ({ h: new Float32Array(STATE), c: new Float32Array(STATE), before: new Float32Array(CONTEXT) });

const JOBS = {
  load: async ({ url }) => { await session(url); return true; },
  /** samples of one window; averaged: rows of n_mels for band occlusion, or none; answers with arrays and shapes */
  analyse: async ({ url, samples, averaged, bands }) => {
    const network = await session(url), n = averaged ? averaged.length / bands : 1;
    const found = await network.run({
      samples: new ort.Tensor("float32", samples, [1, samples.length]),
      averaged: new ort.Tensor("float32", averaged ?? new Float32Array(bands), [n, bands]),
      unrounded: new ort.Tensor("float32", new Float32Array([averaged ? 1 : 0]), [1, 1]),
    });
    return Object.fromEntries(["logits", "maps", "vector", "picture"].map((name) => [name, found[name].data]));
  },
  speech: async ({ url, samples }) => (await frames(url, samples, silent())).probabilities,
  listen: async ({ url, samples }) => {
    const found = await frames(url, samples, heard);
    heard = found.state;
    return found.probabilities;
  },
  forget: async () => { heard = silent(); return true; },
};

onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      postMessage({ id: data.id, value: await JOBS[data.kind](data) });
    } catch (reason) {
      postMessage({ id: data.id, error: String(reason instanceof Error ? reason.message : reason) });
    }
  });
};
