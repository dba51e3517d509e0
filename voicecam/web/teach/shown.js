// The test of taught classes as bars, words and a table: a speaker held back, and beside it a split by clip. Computes no score.
import { number } from "../strings.js";
import { make } from "../dom.js";

/** @param {HTMLElement} root @param {any} taught  see Teach.teach @param {(key: string, values?: any) => string} t */
export function showTest(root, taught, t) {
  const { held, lacks, byClip, classes, names } = taught;
  const chance = 1 / classes.length;
  root.replaceChildren(
    make("h3", {}, t("teach.test")),
    held ? bar(t("teach.heldBack"), held, chance, t("teach.bySpeakers", { count: held.rows.length })) : make("p", { class: "warning" }, why(taught, t)),
    bar(t("teach.byClip"), byClip, chance, t("teach.byClips", { count: byClip.targets.length })),
    make("p", { class: "small" }, t("teach.chance", { share: percent(chance) })),
    make("p", {}, verdict(held, byClip, t)),
    make("p", { class: "small" }, t("teach.leakage")),
    ...(held ? [table(held, names, t)] : []),
    ...(lacks && held ? [] : [make("p", { class: "small" }, t("teach.few"))]),
  );
}

/** A share as a bar with its interval. */
function bar(/** @type {string} */ name, /** @type {any} */ { accuracy, interval }, /** @type {number} */ chance, /** @type {string} */ of) {
  const range = interval ? ` [${percent(interval.low)}; ${percent(interval.high)}]` : "";
  const track = make("div", { class: "teach-track", role: "img", "aria-label": `${name}: ${percent(accuracy)} %${range}` });
  const parts = [["teach-fill", 0, accuracy], ...(interval ? [["teach-range", interval.low, interval.high - interval.low]] : []), ["teach-chance", chance, 0]];
  for (const [kind, from, width] of parts) {
    const part = make("div", { class: kind });
    part.style.left = `${100 * Number(from)}%`;
    if (width) part.style.width = `${100 * Number(width)}%`;
    track.append(part);
  }
  return make("div", { class: "teach-bar" }, make("span", {}, name), track, make("span", { class: "n" }, `${percent(accuracy)} %${range}`), make("span", { class: "small" }, of));
}

/** Why no speaker could be held back. */
function why(/** @type {any} */ { lacks, classes, clips }, /** @type {any} */ t) {
  if (lacks.reason !== "class") return t("teach.oneSpeaker");
  const word = classes[lacks.target];
  return t("teach.oneVoice", { word, speaker: clips.find((/** @type {any} */ clip) => clip.word === word)?.speaker ?? "" });
}

function verdict(/** @type {any} */ held, /** @type {any} */ byClip, /** @type {any} */ t) {
  if (!held) return t("teach.claimAlone", { share: percent(byClip.accuracy) });
  const points = Math.round(100 * byClip.accuracy) - Math.round(100 * held.accuracy);
  if (points > 0) return t("teach.claimMore", { count: points });
  return t("teach.claimSame");
}

function table(/** @type {any} */ { rows, interval }, /** @type {Record<string, string>} */ names, /** @type {any} */ t) {
  const head = make("tr", {}, ...["teach.who", "teach.right", "teach.of"].map((key) => make("th", { scope: "col" }, t(key))));
  const body = rows.map((/** @type {any} */ row) => make("tr", {}, make("th", { scope: "row" }, names[row.speaker]), make("td", { class: "n" }, String(row.right)), make("td", { class: "n" }, String(row.clips))));
  return make("div", {}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)), ...(interval ? [] : [make("p", { class: "small" }, t("teach.noInterval"))]));
}

/** @param {number} share */
function percent(share) { return number(100 * share, 0); }
