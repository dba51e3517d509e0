// What was taught -> two archives: the recordings as a corpus that `run_all.py --corpus` reads, and the network as a folder that
// `classify.py --model` loads. Fetches the base network's files from the page's own host; keeps nothing.
import { wavBytes } from "../sound/wav.js";
import { safeName, stamp } from "./names.js";
import { joined, zip } from "./zip.js";

const WEIGHT = "1.3.weight", BIAS = "1.3.bias"; // of the last layer, in voicecam.network.build's small and fine networks

/**
 * clips.csv (path, speaker, word) beside the sounds, as voicecam/corpora/csv_list.py reads it.
 * @param {{samples: Float32Array, rate: number, speaker: string, word: string, when: Date}[]} clips
 * @returns {Uint8Array}  a ZIP of one folder, recordings/
 */
export function recordingsZip(clips) {
  const rows = clips.map((clip, i) => {
    const name = `${safeName(clip.speaker)}_${safeName(clip.word)}_${stamp(clip.when)}-${i + 1}.wav`;
    return { path: `${safeName(clip.word)}/${name}`, clip };
  });
  const lines = rows.map(({ path, clip }) => [path, clip.speaker, clip.word].map(cell).join(","));
  const list = new TextEncoder().encode(["path,speaker,word", ...lines, ""].join("\n"));
  const sounds = rows.map(({ path, clip }) => ({ name: `recordings/${path}`, bytes: wavBytes(clip.samples, clip.rate) }));
  return zip([{ name: "recordings/clips.csv", bytes: list }, ...sounds]);
}

/** A cell of a CSV. @param {string} text */
function cell(text) {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * @param {string} base  URL of the base network's folder, ending in "/", with model.safetensors and meta.json
 * @param {import("./head.js").Head} head
 * @param {string[]} classes
 * @param {object} about  goes into meta.json's meta: temperature, threshold, scores, ...
 * @returns {Promise<Uint8Array>}  a ZIP of one folder, network/
 */
export async function networkZip(base, head, classes, about) {
  const [weights, meta] = await Promise.all([fetched(`${base}model.safetensors`), fetched(`${base}meta.json`)]);
  const saved = withHead(weights, head);
  const described = taughtMeta(JSON.parse(new TextDecoder().decode(meta)), classes, about, await sha256(saved));
  const text = new TextEncoder().encode(`${JSON.stringify(described, null, 1)}\n`);
  return zip([{ name: "network/model.safetensors", bytes: saved }, { name: "network/meta.json", bytes: text }]);
}

/** What stays true of the base network, and what is new. */
function taughtMeta(/** @type {any} */ base, /** @type {string[]} */ classes, /** @type {object} */ about, /** @type {string} */ sum) {
  if (typeof base?.meta !== "object" || base.meta === null || !Array.isArray(base.meta.corpora ?? [])) throw new Error("the base network's meta.json is damaged; load the page again");
  const { licence, corpora, fingerprints, versions } = base.meta;
  const made = { licence, corpora: [...(corpora ?? []), "own recordings"], fingerprints, init: `the ${base.label} network, its last layer taught again`, versions };
  return { ...base, label: "word", classes, weights_sha256: sum, meta: { ...made, ...about } };
}

/**
 * A safetensors file with another last layer, float32; the rest as it was. Throws an Error where there is no such layer, or it takes
 * vectors of another length.
 * @param {Uint8Array} bytes @param {import("./head.js").Head} head
 */
export function withHead(bytes, head) {
  const { header, length } = headerOf(bytes);
  const n = head.weights[0].length;
  if (header[WEIGHT]?.shape[1] !== n) throw new Error(`the base network has no last layer on ${n} numbers (${WEIGHT})`);
  const fresh = { [WEIGHT]: { shape: [head.weights.length, n], values: head.weights.flatMap((row) => [...row]) }, [BIAS]: { shape: [head.bias.length], values: [...head.bias] } };
  /** @type {[string, any][]} */
  const table = header.__metadata__ ? [["__metadata__", header.__metadata__]] : [];
  /** @type {Uint8Array[]} */
  const parts = [];
  let at = 0;
  const put = (/** @type {string} */ name, /** @type {string} */ dtype, /** @type {number[]} */ shape, /** @type {Uint8Array} */ part) => {
    table.push([name, { dtype, shape, data_offsets: [at, at + part.length] }]);
    parts.push(part);
    at += part.length;
  };
  const kept = Object.entries(header).filter(([name]) => name !== "__metadata__" && !(name in fresh));
  const [whole, other] = [kept.filter(([, { dtype }]) => dtype === "I64"), kept.filter(([, { dtype }]) => dtype !== "I64")]; // wide ones first: aligned
  for (const [name, { shape, values }] of Object.entries(fresh)) put(name, "F32", shape, new Uint8Array(Float32Array.from(values).buffer));
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of [...whole, ...other]) put(name, dtype, shape, bytes.subarray(8 + length + from, 8 + length + to));
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(table)));
  const filled = joined([text, new Uint8Array((8 - (text.length % 8)) % 8).fill(32)]); // spaces to a multiple of 8
  const size = new DataView(new ArrayBuffer(8));
  size.setBigUint64(0, BigInt(filled.length), true);
  return joined([new Uint8Array(size.buffer), filled, ...parts]);
}

const SIZES = /** @type {Record<string, number>} */ ({ F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I16: 2, I8: 1, U8: 1, BOOL: 1 }); // bytes

/** A safetensors file's table, every tensor where it says and as long as its shape. Throws an Error. @param {Uint8Array} bytes */
function headerOf(bytes) {
  const damaged = () => new Error("the base network's file is damaged; load the page again");
  if (bytes.length < 8) throw damaged();
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8) throw damaged();
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw damaged();
  }
  const size = bytes.length - 8 - length;
  const whole = (/** @type {any} */ one, /** @type {number} */ most) => Number.isInteger(one) && one >= 0 && one <= most;
  const right = (/** @type {any} */ one) => Object.hasOwn(SIZES, one?.dtype) && Array.isArray(one.shape) && one.shape.every((/** @type {any} */ n) => whole(n, size))
    && Array.isArray(one.data_offsets) && one.data_offsets.length === 2 && one.data_offsets.every((/** @type {any} */ place) => whole(place, size))
    && one.data_offsets[1] - one.data_offsets[0] === one.shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, SIZES[one.dtype]);
  const isTable = typeof header === "object" && header !== null && !Array.isArray(header);
  if (!isTable || !Object.entries(header).every(([name, one]) => name === "__metadata__" || right(one))) throw damaged();
  return { header, length };
}

/** @param {Uint8Array} bytes */
async function sha256(bytes) {
  const found = await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes));
  return [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} url */
async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
