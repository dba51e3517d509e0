// What the page's decoders make of answers, models and lists that were changed at random: a value that can be drawn, or an Error of one
// line. Driven by page.py, which gives the true ones: node decoders.mjs TRUE.json INPUTS SEED. Prints what fell, and counts.
import { readFile } from "node:fs/promises";

const [place, wanted, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 1)];
const LONGEST = 2000; // ms for one input
const WEB = new URL("../voicecam/web/", import.meta.url);

let state = seed >>> 0; // mulberry32
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let x = Math.imul(state ^ (state >>> 15), 1 | state);
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const any = (list) => list[below(list.length)];

// a page that notes what is written and drawn
const BAD = /\bNaN\b|undefined|\[object|Infinity/;
let faults = [];
const fault = (words) => faults.push(words);
function element() {
  const own = { children: [], attributes: {}, hidden: false, kept: "" };
  const words = (name) => (value) => { if (BAD.test(String(value))) fault(`${name}: ${String(value).slice(0, 80)}`); };
  const pen = new Proxy({}, {
    get: (kept, name) => kept[name] ?? ((...given) => {
      if (name === "measureText") return { width: 7 * String(given[0]).length };
      if (name === "createImageData") return { data: new Uint8ClampedArray(4 * given[0] * given[1]) };
      for (const one of given) if (typeof one === "number" && !Number.isFinite(one)) fault(`drawn: ${String(name)}(${given.join(", ")})`);
      if (name === "fillText") words("drawn")(given[0]);
      return undefined;
    }),
    set: (kept, name, value) => { words(String(name))(value); kept[name] = value; return true; },
  });
  return {
    ...own, style: new Proxy({}, { set: (kept, name, value) => { words(`style.${String(name)}`)(value); if (/url\(/i.test(value)) fault(`style: ${value}`); kept[name] = value; return true; } }),
    set textContent(value) { words("text")(value); this.kept = String(value); }, get textContent() { return this.kept; },
    set innerHTML(value) { fault("innerHTML from data"); },
    setAttribute(name, value) { words(name)(value); this.attributes[name] = value; if (/^on/i.test(name)) fault(`attribute ${name}`); },
    addEventListener() {}, append(...parts) { for (const part of parts) if (typeof part === "string") words("text")(part); }, replaceChildren(...parts) { this.append(...parts); },
    getBoundingClientRect: () => ({ width: 600, height: 200 }), getContext: () => pen, src: "",
  };
}
globalThis.document = { createElement: () => element(), documentElement: {}, baseURI: "http://127.0.0.1/" };
globalThis.window = globalThis;
globalThis.getComputedStyle = () => ({ getPropertyValue: () => "#123456" });
globalThis.OffscreenCanvas = class { constructor() { return element(); } };
globalThis.URL.createObjectURL = () => "blob:x";
globalThis.URL.revokeObjectURL = () => {};

const english = await readFile(new URL("strings/en.json", WEB), "utf8");
let body = english, status = 200;
globalThis.fetch = async (address) => new Response(String(address).includes("strings/") ? english : body, { status });
globalThis.Worker = class { postMessage({ id }) { queueMicrotask(() => this.onmessage({ data: { id, value: true } })); } };

const load = (path) => import(new URL(path, WEB).href);
const { loadStrings } = await load("strings.js");
await loadStrings("en");
const { Server } = await load("engine/server.js"), { loadModel } = await load("engine/model.js");
const { held, NAMES, CLIPS } = await load("engine/answers.js");
const show = await load("recording/show.js"), draw = await load("recording/draw.js");
const { withHead } = await load("teach/save.js");
const { axisOf } = await load("live/axis.js"), { windowsOf } = await load("engine/level.js");

const server = new Server(), truths = JSON.parse(await readFile(place, "utf8"));
const facts = truths.facts, clip = { samples: new Float32Array(10), rate: 16000, blob: null };
const parsed = async (text) => { body = text; return (await fetch("x")).json().catch(() => null); };

function shown(found, model) {
  const $ = element, at = () => $();
  show.showPrediction(at, found, model);
  draw.drawWaveform(element(), found.waveform ?? { seconds: 1, low: [0], high: [0] }, found.explanation);
  if (!found.explanation) return;
  show.showExplanation(at, found, model);
  const { picture, map, bands } = found.explanation;
  draw.drawPicture(element(), picture);
  draw.drawPicture(element(), picture, map);
  if (bands) draw.drawBands(element(), bands, "#123456");
}

/** name -> [what is true, (text) -> throws an Error where it is refused] */
const TARGETS = {
  facts: [truths.facts, async (text) => { body = text; shown(truths.classified, await server.facts()); }],
  classified: [truths.classified, async (text) => { body = text; shown(await server.classify(clip, facts), facts); }],
  sounds: [truths.sounds, async (text) => { body = text; show.showSounds(() => element(), await server.sounds(clip, facts)); }],
  shifted: [truths.shifted, async (text) => {
    body = text;
    const found = await server.shift(clip, facts, 1);
    draw.drawPitch(element(), new Map([[0, found]]), Object.keys(found.probabilities), facts.colours, facts.threshold);
    element().textContent = show.headline(found);
  }],
  model: [truths.model, async (text) => {
    body = text;
    const model = await loadModel("models/x");
    if (Object.getPrototypeOf(Object.getPrototypeOf(model)) !== Object.prototype || typeof model.verdict !== "function") fault("a model of another kind");
    const said = model.verdict(model.classes.map((_, k) => (k ? 0.001 : 0.9)));
    if (!model.classes.includes(said.label) || !Number.isFinite(said.probability)) fault("a verdict of no class");
    const axis = axisOf(model.config);
    if (![axis.share(500), axis.hz(0.5)].every(Number.isFinite)) fault("an axis of no numbers");
    if (model.windowSamples < 1e5) windowsOf(new Float32Array(2 * model.windowSamples).fill(0.1), model);
  }],
  names: [["digits", "voice"], async (text) => { for (const name of held(await parsed(text), NAMES, "models.json")) new URL(`models/${name}/`, "http://x/"); }],
  clips: [truths.clips, async (text) => { for (const one of held(await parsed(text), CLIPS, "clips.json")) element().textContent = one.truth.join(", ") + one.file + one.kind; }],
  refusal: [{ error: "too long" }, async (text) => { body = text; status = any([400, 408, 413, 422, 500, 503]); await server.facts().finally(() => { status = 200; }); }],
  weights: [null, async (bytes) => {
    const saved = withHead(bytes, HEAD), length = Number(new DataView(saved.buffer).getBigUint64(0, true));
    const table = JSON.parse(new TextDecoder().decode(saved.subarray(8, 8 + length))), ends = Object.entries(table).filter(([name]) => name !== "__metadata__").map(([, one]) => one.data_offsets[1]);
    if (Math.max(...ends) !== saved.length - 8 - length) fault("a network of other bytes than it says");
  }],
};

const HEAD = { weights: [Float64Array.of(1, 2, 3), Float64Array.of(4, 5, 6)], bias: Float64Array.of(0, 1) };
function weights() {
  const table = { __metadata__: { a: "b" }, "0.weight": { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] }, "1.3.weight": { dtype: "F32", shape: [2, 3], data_offsets: [16, 40] }, "1.3.bias": { dtype: "F32", shape: [2], data_offsets: [40, 48] } };
  let text = JSON.stringify(random() < 0.6 ? changed(table) : table) ?? "0";
  if (random() < 0.2) text = text.slice(0, below(text.length));
  const head = new TextEncoder().encode(text), bytes = new Uint8Array(8 + head.length + 48);
  new DataView(bytes.buffer).setBigUint64(0, random() < 0.8 ? BigInt(head.length) : any([0n, 2n ** 63n, 7n, BigInt(head.length + 49)]), true);
  bytes.set(head, 8);
  return random() < 0.2 ? bytes.subarray(0, below(bytes.length + 1)) : bytes;
}

const deep = (n, open, close) => `@@${open.repeat(n)}${close.repeat(n)}@@`;
const ODD = [null, true, false, 0, -0, -1, 0.5, 2, 1e308, -1e308, 1e17, 5e-324, 2 ** 53, "", "x", "1e3", "__proto__", "<img src=x onerror=alert(1)>", "a\nb", "\u202e", "url(http://x)",
  "@@1e999@@", "@@NaN@@", [], [[]], {}, { length: 1e9 }, [null], "@@{\"__proto__\":{\"polluted\":1}}@@", deep(5000, "[", "]"), deep(200, "{\"a\":", "}").replace(/@@$/, "0@@")];

/** The value with one to three places of it another. */
function changed(value) {
  const copy = structuredClone(value);
  for (let n = any([1, 1, 2, 3]); n > 0; n--) {
    let at = copy, key = null, up = null;
    for (let depth = below(7) + 1; depth > 0 && typeof at === "object" && at !== null; depth--) {
      const keys = Object.keys(at);
      if (!keys.length) break;
      [up, key] = [at, any(keys)];
      at = at[key];
    }
    if (up === null) return any(ODD);
    const how = below(8);
    if (how === 0) Array.isArray(up) ? up.splice(Number(key), 1) : delete up[key];
    else if (how === 1 && Array.isArray(up)) up.push(up[key]);
    else if (how === 2 && typeof at === "number") up[key] = at * any([-1, 0, 10, 1e9, 1e300]);
    else if (how === 3 && !Array.isArray(up)) { up[any(["__proto__", "constructor", "x<b>", "toString", "verdict"])] = any(ODD); }
    else up[key] = any(ODD);
  }
  return copy;
}

/** As text: some of it cut off or damaged. */
function written(value) {
  let text = (JSON.stringify(value) ?? "").replace(/"@@(.*?)@@"/g, (_, inner) => inner.replace(/\\"/g, '"'));
  if (random() < 0.15) text = text.slice(0, below(text.length + 1));
  if (random() < 0.1) { const at = below(text.length + 1); text = text.slice(0, at) + any(["\0", "9", "[", "}", ",", "\ud800", "null", "-"]) + text.slice(at + below(3)); }
  return text;
}

const counts = { inputs: 0, taken: 0, refused: 0 }, fell = [], names = Object.keys(TARGETS);
for (const name of names) { // what is true is taken, all of it
  if (name === "weights" || name === "refusal") continue;
  await TARGETS[name][1](JSON.stringify(TARGETS[name][0]));
  for (const one of faults) fell.push(`${name}, as it is: ${one}`);
  faults = [];
}
while (counts.inputs < wanted) {
  const name = names[counts.inputs % names.length], [truth, decode] = TARGETS[name];
  const input = name === "weights" ? weights() : written(changed(truth)), began = performance.now();
  counts.inputs++;
  try {
    await decode(input);
    counts.taken++;
  } catch (reason) {
    counts.refused++;
    const words = reason instanceof Error ? reason.message : String(reason);
    if (!(reason instanceof Error) || !words || /[\r\n]/.test(words) || words.length > 700 || BAD.test(words)) fault(`no Error of one line: ${words.slice(0, 200)}`);
    if (reason instanceof TypeError || reason instanceof RangeError || reason instanceof ReferenceError) fault(`a bug: ${reason.stack?.split("\n").slice(0, 3).join(" ")}`);
  }
  if (performance.now() - began > LONGEST) fault(`took ${Math.round(performance.now() - began)} ms`);
  if ({}.polluted !== undefined || Object.keys(Object.prototype).length) fault("a prototype polluted");
  for (const one of faults) if (fell.length < 40) fell.push(`${name}: ${one}: ${String(input).slice(0, 300)}`);
  faults = [];
}
console.log(JSON.stringify({ ...counts, fell }));
