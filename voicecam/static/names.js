// The name of a saved recording, as record_wav.py gives it: speaker first, so that a folder of them is read as a corpus. Saves nothing.

// The text as part of a file name: letters (with their marks) and digits of any script and hyphens, 40 at most; "unnamed" where nothing is left.
export function safeName(text) {
  const joined = text.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  return [...joined].slice(0, 40).join("").replace(/-+$/, "") || "unnamed";
}

// NAME_WORD_DATE.wav; the date is this computer's local time.
export function fileName(speaker, word, when) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${when.getFullYear()}${two(when.getMonth() + 1)}${two(when.getDate())}`;
  return `${safeName(speaker)}_${safeName(word)}_${day}-${[when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join("")}.wav`;
}
