// Asks the worker, and gives its answers as promises. Knows nothing of what is asked.

/** @type {Worker | null} */
let worker = null;
let last = 0;
/** @type {Map<number, {resolve: (value: any) => void, reject: (reason: Error) => void}>} */
const waiting = new Map();

/**
 * @param {string} kind  a job of worker.js
 * @param {object} [given]
 * @returns {Promise<any>}
 */
export function ask(kind, given = {}) {
  if (!worker) {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      const one = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) one?.reject(new Error(data.error));
      else one?.resolve(data.value);
    };
    worker.onerror = (event) => {
      for (const one of waiting.values()) one.reject(new Error(event.message || "the networks cannot run in this browser"));
      waiting.clear();
    };
  }
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    /** @type {Worker} */ (worker).postMessage({ id, kind, ...given });
  });
}
