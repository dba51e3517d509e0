// Names that people typed: as parts of files' names, as record_wav.py writes them, and as keys under which spellings meet. Saves nothing.

const LONGEST = 40; // characters
const BYTES = 100; // of UTF-8, so that two such names and a date fit into one file name

/** Letters, marks and digits of any script; the rest becomes hyphens; "unnamed" where nothing is left. @param {string} text */
export function safeName(text) {
  const bare = (/** @type {string} */ name) => name.replace(/^-+|-+$/g, "");
  const kept = [...bare(text.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}]+/gu, "-"))].slice(0, LONGEST);
  while (new TextEncoder().encode(kept.join("")).length > BYTES) kept.pop();
  return bare(kept.join("")) || "unnamed";
}

/** What "Zoë", "zoe" and "Zoe " have in common: one person. Marks that are letters of other scripts stay. @param {string} text */
export function nameKey(text) {
  return text.trim().replace(/\s+/g, " ").normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
}

/** 20260504T130201, local time. @param {Date} when */
export function stamp(when) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = [when.getFullYear(), when.getMonth() + 1, when.getDate()].map(two).join("");
  return `${day}T${[when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join("")}`;
}

/** Of a saved recording, NAME_WORD_20260504T130201.wav: the T tells corpora/folders.py that the name stands first. @param {string} speaker @param {string} word @param {Date} when */
export function fileName(speaker, word, when) {
  return `${safeName(speaker)}_${safeName(word)}_${stamp(when)}.wav`;
}
