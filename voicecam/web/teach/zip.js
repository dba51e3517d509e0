// Files -> one ZIP archive, stored without compression (APPNOTE 6.3.3), names in UTF-8. Below 4 GB and 65,535 files.

/** @typedef {{name: string, bytes: Uint8Array}} Entry  name : with "/" between folders */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (ISO 3309). @param {Uint8Array} bytes */
export function crc32(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** @param {Entry[]} entries @param {Date} [when] @returns {Uint8Array} */
export function zip(entries, when = new Date()) {
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @type {Uint8Array[]} */
  const directory = [];
  let at = 0;
  for (const { name, bytes } of entries) {
    const text = new TextEncoder().encode(name), common = commonFields(bytes, text.length, when);
    const local = joined([numbers([[0x04034b50, 4]]), common, text]);
    directory.push(joined([numbers([[0x02014b50, 4], [20, 2]]), common, numbers([[0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]), text]));
    parts.push(local, bytes);
    at += local.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([[0x06054b50, 4], [0, 2], [0, 2], [entries.length, 2], [entries.length, 2], [size, 4], [at, 4], [0, 2]]);
  return joined([...parts, ...directory, end]);
}

/** Version, flags (UTF-8), method (stored), time, sum, sizes, lengths: alike in both headers of a file. */
function commonFields(/** @type {Uint8Array} */ bytes, /** @type {number} */ nameLength, /** @type {Date} */ when) {
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const day = ((Math.max(1980, when.getFullYear()) - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  return numbers([[20, 2], [0x0800, 2], [0, 2], [time, 2], [day, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [nameLength, 2], [0, 2]]);
}

/** Little-endian. @param {[number, number][]} fields  value and bytes */
function numbers(fields) {
  return Uint8Array.from(fields.flatMap(([value, size]) => Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 255)));
}

/** One after another. @param {Uint8Array[]} parts */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}
