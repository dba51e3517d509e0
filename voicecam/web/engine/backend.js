// Who answers about recordings: the server that gave the page, or this browser. The page's <meta name="backend"> says what there is:
// "browser" (plain files), "server" (scripts/serve.py), or "server browser" where that server has the site's networks too.
import { wav } from "../sound/wav.js";

/** @typedef {{name: string, models: string[], label: string, classes: string[], colours: Record<string, string>, threshold: number, features: string, window_seconds: number, most_bytes: number, most_seconds: number, endings: string[]}} Facts
 *   of a model, and what may be asked; as /api/model answers */
/** @typedef {{title: string, when: Date, samples: Float32Array | null, rate: number, blob: Blob, model: Facts | null, found: any, heard: any, tried: Map<number, any>, step: number}} Clip
 *   samples : null for a file that goes to the server as it is; found, heard, tried : answers about it */
/** @typedef {{kind: "server" | "browser",
 *   facts: (name?: string) => Promise<Facts>,
 *   read: (file: File, facts: Facts) => Promise<{samples: Float32Array, rate: number} | null>,
 *   classify: (clip: Clip, by: Facts) => Promise<any>,
 *   sounds: (clip: Clip, by: Facts) => Promise<{sounds: Record<string, Blob> | null, words: string}>,
 *   shift: (clip: Clip, by: Facts, semitones: number) => Promise<any>}} Backend
 *   facts : of a model by name, the first one without; read : a file's sound, null where it is to be sent as it is; classify : as
 *   /api/classify answers; sounds : window, evidence and rest; shift : as /api/shift, its sound in `blob`. What went wrong is an Error
 *   of one line with `again`: whether the same question may help */

/** What there is, by the page's own word. @param {ParentNode} page */
export function offered(page = document) {
  const words = (page.querySelector('meta[name="backend"]')?.getAttribute("content") ?? "browser").split(" ");
  return { server: words.includes("server"), engine: words.includes("browser") };
}

/** @param {import("./model.js").Context} context  for the browser's networks @returns {Promise<Backend>} */
export async function openBackend(context, { server } = offered()) {
  if (server) return new (await import("./server.js")).Server();
  return new (await import("./browser.js")).Browser(context);
}

/** A clip that nobody was asked about yet. @param {string} title @param {Float32Array | null} samples @param {number} rate @param {Blob} blob @returns {Clip} */
export function clipOf(title, samples, rate, blob) {
  return { title, when: new Date(), samples, rate, blob, model: null, found: null, heard: null, tried: new Map(), step: 0 };
}

/** Samples, which go to the backend as they are. @param {string} title @param {Float32Array} samples @param {number} rate */
export function rawClip(title, samples, rate) {
  return clipOf(title, samples, rate, wav(samples, rate));
}
