// The name of a saved recording, as record_wav.py gives it: corpora/folders.py then reads the speaker off it. Saves nothing.

const LONGEST = 40; // characters
const BYTES = 100; // of UTF-8, so that two such names and a date fit into one file name

// The text as part of a file name: letters, marks and digits of any script; the rest becomes hyphens; "unnamed" where nothing is left.
export function safeName(text) {
  const bare = (name) => name.replace(/^-+|-+$/g, "");
  const kept = [...bare(text.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}]+/gu, "-"))].slice(0, LONGEST);
  while (new TextEncoder().encode(kept.join("")).length > BYTES) kept.pop();
  return bare(kept.join("")) || "unnamed";
}

// NAME_WORD_20260504T130201.wav, local time; the T tells the reader that the name stands first.
export function fileName(speaker, word, when) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${when.getFullYear()}${two(when.getMonth() + 1)}${two(when.getDate())}`;
  return `${safeName(speaker)}_${safeName(word)}_${day}T${[when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join("")}.wav`;
}
