// The backend "server": questions to /api of the server that gave the page. What went wrong is an Error of one line, and `again`:
// whether the same question may help. Computes nothing.
import { decode } from "../sound/decode.js";
import { t } from "../strings.js";
import { about as aboutClasses, CLASSIFIED, FACTS, SHIFTED, SOUNDS } from "./answers.js";

const API = "/api";

/** @typedef {import("./backend.js").Facts} Facts */
/** @typedef {import("./backend.js").Clip} Clip */

export class Server {
  kind = /** @type {const} */ ("server");

  /** @param {string} [name] @returns {Promise<Facts>} */
  facts(name) {
    return ask(`${API}/model${name === undefined ? "" : `?model=${encodeURIComponent(name)}`}`, FACTS);
  }

  /** What the server does not read itself is decoded here. @param {File} file @param {Facts} facts */
  read(file, { most_seconds: most }) {
    return decode(file, most);
  }

  /** @param {Clip} clip @param {Facts} by */
  classify(clip, by) {
    return about("classify", aboutClasses(CLASSIFIED, by.classes), clip, by);
  }

  /** @param {Clip} clip @param {Facts} by */
  async sounds(clip, by) {
    const { sounds, words } = await about("sounds", SOUNDS, clip, by);
    return { words, sounds: sounds && Object.fromEntries(Object.entries(sounds).map(([name, text]) => [name, fromBase64(text)])) };
  }

  /** @param {Clip} clip @param {Facts} by @param {number} semitones */
  async shift(clip, by, semitones) {
    const found = await about("shift", aboutClasses(SHIFTED, by.classes), clip, by, `semitones=${semitones}`);
    return { ...found, blob: fromBase64(found.wav) };
  }
}

/** @param {string} what @param {import("./answers.js").Check} check @param {Clip} clip @param {Facts} by */
function about(what, check, { samples, rate, blob }, by, more = "") {
  const query = [samples ? `rate=${rate}` : "", more, by.models.length > 1 ? `model=${encodeURIComponent(by.name)}` : ""];
  const path = `${API}/${what}?${query.filter(Boolean).join("&")}`;
  if (samples) return ask(path, check, { method: "POST", body: /** @type {BodyInit} */ (samples), headers: { "Content-Type": "application/octet-stream" } });
  const body = new FormData();
  body.append("file", blob, "recording");
  return ask(path, check, { method: "POST", body });
}

/** The answer of `path`, from JSON, its shape checked. @param {string} path @param {import("./answers.js").Check} check @param {RequestInit} [options] */
async function ask(path, check, options = {}) {
  const answer = await fetch(path, options).catch(() => { throw failure(t("recording.gone"), true); });
  const found = await answer.json().catch(() => null); // a cut answer, or another program's page
  if (answer.ok && !check(found)) return found;
  const said = answer.ok ? null : found?.error, ours = typeof said === "string" && said.trim() !== "";
  const again = answer.status >= 500 || answer.status === 408 || !ours;
  throw failure(ours ? said.replace(/\s+/g, " ").trim().slice(0, 500) : t("recording.notOurs", { status: answer.status }), again);
}

/** @param {string} words @param {boolean} again */
function failure(words, again) {
  return Object.assign(new Error(words), { again });
}

/** @param {string} text  a WAV file */
function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "audio/wav" });
}
