// What a server answers and what a model's folder says, checked before it is believed: kinds, ranges, and what belongs together. Fetches
// nothing and says nothing: a check is (value) -> where it is wrong, "" where it is right.

/** @typedef {(value: any) => string} Check */

const MOST = 1e7; // entries of a list: more is no answer of ours

/** @param {(value: any) => boolean} holds @returns {Check} */
const is = (holds) => (value) => (holds(value) ? "" : "?");
/** @param {number} low @param {number} high */
const between = (low, high) => is((value) => Number.isFinite(value) && value >= low && value <= high);
/** @param {number} low @param {number} high */
const whole = (low, high) => is((value) => Number.isInteger(value) && value >= low && value <= high);
/** @param {Check} check @returns {Check} */
const orNull = (check) => (value) => (value === null ? "" : check(value));
/** @param {Check} check @returns {Check} */
const orNothing = (check) => (value) => (value === undefined || value === null ? "" : check(value));

const text = is((value) => typeof value === "string" && value.length <= 10_000);
const name = is((value) => typeof value === "string" && value.length > 0 && value.length <= 500 && !/[\r\n]/.test(value));
const truth = is((value) => typeof value === "boolean");
const number = between(-1e9, 1e9);
const share = between(0, 1);
const seconds = between(0, 1e6);
const hertz = between(0, 1e6);
const colour = is((value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value));
const base64 = is((value) => typeof value === "string" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value));

/** @param {any} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {Check} of @param {number} [least] @param {number} [most] @returns {Check} */
function list(of, least = 0, most = MOST) {
  return (value) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) return "?";
    const at = value.findIndex((one) => of(one));
    return at < 0 ? "" : `${at}.${of(value[at])}`;
  };
}

/** Names that are there, whatever else is. @param {Record<string, Check>} fields @returns {Check} */
function object(fields) {
  return (value) => {
    if (!isObject(value)) return "?";
    for (const [key, check] of Object.entries(fields)) {
      const wrong = check(Object.hasOwn(value, key) ? value[key] : undefined);
      if (wrong) return wrong === "?" ? key : `${key}.${wrong}`;
    }
    return "";
  };
}

/** Any names, all of a kind. @param {Check} of @param {number} [least] @returns {Check} */
function record(of, least = 0) {
  return (value) => {
    if (!isObject(value) || Object.keys(value).length < least) return "?";
    const wrong = Object.keys(value).find((key) => of(value[key]));
    return wrong === undefined ? "" : `${wrong}.${of(value[wrong])}`;
  };
}

/** Kinds first, then what belongs together. @param {Check} kinds @param {(value: any) => string | false} together @returns {Check} */
const also = (kinds, together) => (value) => kinds(value) || together(value) || "";

/** Rows of one length. @param {Check} of @returns {Check} */
const matrix = (of) => also(list(list(of, 1), 1), (rows) => rows.some((/** @type {any[]} */ row) => row.length !== rows[0].length) && "rows");

/** @param {any[]} values */
const rising = (values) => values.every((one, i) => i === 0 || one > values[i - 1]);
const edges = also(list(share, 2, 10_001), (values) => !rising(values) && "order");
const pair = also(list(between(1e-3, 1e6), 2, 2), ([low, high]) => high <= low && "order"); // Hz, on an axis of octaves

const trained = also(
  object({ low: list(number), mean: list(number), high: list(number), speakers: whole(0, 1e9), outside: object({ median: number, most: number }) }),
  ({ low, mean, high }) => (low.length !== mean.length || low.length !== high.length) && "length",
);
const bands = also(
  object({ names: list(name, 1), limits: list(pair, 1), values: list(number, 1), training: orNull(trained) }),
  ({ names, limits, values, training }) => (names.length !== limits.length || names.length !== values.length || (training && training.low.length !== names.length)) && "length",
);
const map = also(
  object({ method: name, label: name, values: matrix(number), edges: object({ rows: edges, columns: edges }) }),
  (one) => (one.edges.rows.length !== one.values.length + 1 || one.edges.columns.length !== one.values[0].length + 1) && "edges",
);
const picture = object({
  values: matrix(number), signed: truth, rows: object({ kind: is((value) => value === "frequency" || value === "coefficient"), values: list(number, 1) }),
  columns: object({ values: also(list(seconds, 1), (times) => !rising(times) && "order") }), ticks: list(object({ row: number, text })),
});
const window_ = also(object({ start: seconds, end: seconds, probabilities: record(share, 1) }), ({ start, end }) => end < start && "order");
const waveform = also(
  object({ seconds: between(1e-6, 1e6), low: list(number, 1), high: list(number, 1) }), ({ low, high }) => low.length !== high.length && "length",
);
/** What is likeliest is a class with a probability, or there is none of both. @param {any} found */
const judged = ({ label, probability }) => ((label === null) !== (probability === null)) && "label";
const said = { prediction: name, label: orNull(name), probability: orNull(share) };

/** Of /api/model. */
export const FACTS = also(
  object({
    name, models: list(name, 1, 1000), label: name, classes: list(name, 2, 10_000), colours: record(colour), threshold: share, features: name,
    window_seconds: between(1e-3, 1e4), most_bytes: between(1, 1e12), most_seconds: between(1e-3, 1e6), endings: list(name),
  }),
  ({ classes, colours }) => classes.some((/** @type {string} */ one) => !Object.hasOwn(colours, one)) && "colours",
);

/** Of /api/classify. */
export const CLASSIFIED = also(
  object({
    ...said, verdicts: list(also(object({ model: name, ...said }), judged), 1), speech_seconds: seconds, doubtful: truth, f0: orNull(hertz), probabilities: record(share),
    windows: list(window_), timeline: orNull(text), disagreement: orNull(text), waveform: orNull(waveform),
    explanation: orNull(also(object({ start: seconds, end: seconds, picture, map, bands: orNull(bands) }), ({ start, end }) => end < start && "order")),
  }),
  (found) => judged(found) || (found.label !== null && !Object.hasOwn(found.probabilities, found.label) && "probabilities")
    || ((found.label === null) !== (found.explanation === null) && "explanation"),
);

/** An answer about these classes and no others. @param {Check} check @param {string[]} classes @returns {Check} */
export const about = (check, classes) => also(check, ({ label, probabilities, windows = [] }) => {
  const wanted = [...classes].sort().join("\n"), named = (/** @type {object} */ one) => Object.keys(one).sort().join("\n") === wanted;
  return label !== null && !(named(probabilities) && windows.every((/** @type {any} */ one) => named(one.probabilities))) && "probabilities";
});

const PLAYED = ["window", "evidence", "rest"];
/** Of /api/sounds. */
export const SOUNDS = object({
  words: text, sounds: orNull(also(record(base64), (sounds) => Object.keys(sounds).sort().join() !== [...PLAYED].sort().join() && "names")),
});

/** Of /api/shift. */
export const SHIFTED = also(
  object({ semitones: between(-12, 12), prediction: name, label: name, probability: share, probabilities: record(share, 2), f0: orNull(hertz), wav: base64 }),
  ({ label, probabilities }) => !Object.hasOwn(probabilities, label) && "probabilities",
);

const config = object({
  features: name, sample_rate: whole(1000, 768_000), f_min: hertz, f_max: orNull(hertz), n_mels: whole(1, 4096), seconds: between(1e-3, 600), windows: name,
  window_step: between(1e-3, 600), pad: name, centre: truth, level_dbfs: orNull(between(-120, 0)),
});
/** Of a model's model.json. */
export const MODEL = also(
  object({
    name, label: name, method: name, config, classes: list(name, 2, 10_000), temperature: between(1e-6, 1e6), threshold: share, rate: whole(1000, 768_000),
    windowSamples: whole(1, 1e8), window: whole(1, 1e6), hop: whole(1, 1e6), frames: whole(1, 1e6), mapRows: whole(1, 10_000), mapColumns: whole(1, 10_000),
    mapEdges: object({ rows: edges, columns: edges }), vectorSize: orNothing(whole(1, 1e7)),
    bands: object({ names: list(name, 1), limits: list(pair, 1), shares: matrix(share), training: orNothing(record(trained)) }),
  }),
  (one) => {
    const { rows, columns } = one.mapEdges, { names, limits, shares } = one.bands;
    if (one.rate !== one.config.sample_rate || Math.abs(one.windowSamples - one.rate * one.config.seconds) > 1) return "windowSamples";
    if (rows.length !== one.mapRows + 1 || columns.length !== one.mapColumns + 1) return "mapEdges";
    if (names.length !== limits.length || names.length !== shares.length || shares[0].length !== one.config.n_mels) return "bands";
    return new Set(one.classes).size !== one.classes.length && "classes";
  },
);

/** Of models/models.json: folders, as addresses below it. */
export const NAMES = list(is((value) => typeof value === "string" && /^[\w-]+(\.[\w-]+)*$/.test(value)), 1, 1000);

/** Of examples/clips.json. */
export const CLIPS = list(object({ file: is((value) => typeof value === "string" && /^[\w-]+\.wav$/.test(value)), truth: list(name), kind: name, made: is(isObject) }), 1, 1000);

/**
 * The value, where the check has nothing against it. Throws an Error of one line.
 * @param {any} value @param {Check} check @param {string} what  how the line calls it
 * @returns {any}
 */
export function held(value, check, what) {
  const wrong = check(value);
  if (wrong) throw new Error(`${what}: what it says of "${wrong.replace(/\.?\?$/, "").replace(/[^\w. -]/g, "?").slice(0, 80)}" cannot be`);
  return value;
}
