// Words of the page in the reader's language, from strings/*.json: t(key, values) and translate(root). Stores nothing: a choice
// stands in the address (?lang=de). What a language lacks is said in English. Knows no grammar beyond one and many.

/** Languages with a file in strings/, and what they call themselves. */
export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", hi: "हिन्दी" };

/** @type {Record<string, string>} */
let english = {};
/** @type {Record<string, string>} */
let words = {};
let current = "en";

/**
 * The language of a visit: ?lang= of the address, else the first of the browser's languages that there is, else English.
 * @param {string} search  of the address, "?lang=de"
 * @param {readonly string[]} wanted  as navigator.languages: ["de-AT", "en"]
 */
export function languageOf(search, wanted) {
  const asked = new URLSearchParams(search).get("lang");
  const codes = [asked ?? "", ...wanted].map((code) => code.toLowerCase().split("-")[0]);
  return codes.find((code) => Object.hasOwn(LANGUAGES, code)) ?? "en";
}

/** Fetch the words; to be awaited once before anything is shown. Throws where English itself cannot be had. */
export async function loadStrings(language = languageOf(location.search, navigator.languages)) {
  english = flat(await file("en"));
  words = language === "en" ? english : await file(language).then(flat, () => ({})); // a lost file: English
  current = language;
  document.documentElement.lang = language;
  return language;
}

/** The language that is shown, "de". */
export function language() { return current; }

/**
 * Another language from now on: fetched, written into the address, filled into the page; then the document hears "language".
 * @param {string} code  a key of LANGUAGES
 */
export async function chooseLanguage(code) {
  await loadStrings(code);
  const address = new URL(location.href);
  address.searchParams.set("lang", code);
  history.replaceState(history.state, "", address);
  translate(document);
  document.dispatchEvent(new CustomEvent("language", { detail: code }));
}

/**
 * The words of a key, with {name} replaced by values.name. Where values.count is given and the key has ".one" and ".other"
 * below it, the language's own rule picks between them. A key that nobody wrote is its own text.
 * @param {string} key  "teach.title"
 * @param {Record<string, string | number>} [values]  numbers are written as the language writes them
 */
export function t(key, values = {}) {
  const found = lookup(key, values.count);
  return found.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? written(values[name]) : whole));
}

/**
 * A number as the language writes it, with so many digits after the point: 0.5 -> "0,50".
 * @param {number} value
 * @param {number} digits
 */
export function number(value, digits) {
  return value.toLocaleString(current, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * Fill [data-t] with text, and the aria-label, placeholder and title of [data-t-aria], [data-t-placeholder], [data-t-title].
 * @param {Document | Element} root
 */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(/** @type {string} */ (node.getAttribute("data-t")));
  for (const [mark, attribute] of [["aria", "aria-label"], ["placeholder", "placeholder"], ["title", "title"]]) {
    for (const node of root.querySelectorAll(`[data-t-${mark}]`)) {
      node.setAttribute(attribute, t(/** @type {string} */ (node.getAttribute(`data-t-${mark}`))));
    }
  }
}

/** @param {string} code */
async function file(code) {
  const answer = await fetch(new URL(`strings/${code}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`strings/${code}.json: status ${answer.status}`);
  return answer.json();
}

/** {a: {b: "x"}} -> {"a.b": "x"} @param {object} nested @returns {Record<string, string>} */
function flat(nested, before = "") {
  return Object.assign({}, ...Object.entries(nested).map(([name, value]) => (
    typeof value === "string" ? { [before + name]: value } : flat(value, `${before}${name}.`))));
}

/** @param {string} key @param {string | number} [count] */
function lookup(key, count) {
  if (typeof count === "number") {
    const kind = new Intl.PluralRules(current).select(count) === "one" ? "one" : "other";
    const found = words[`${key}.${kind}`] ?? english[`${key}.${count === 1 ? "one" : "other"}`];
    if (found !== undefined) return found;
  }
  return words[key] ?? english[key] ?? key;
}

/** @param {string | number} value */
function written(value) {
  return typeof value === "number" ? value.toLocaleString(current, { maximumFractionDigits: 3 }) : value;
}
