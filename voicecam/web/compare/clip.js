// A recording -> all that is shown of it: verdict, map over time, pitch, spectrogram, what each band is worth. Draws nothing.
import { pitchTrack } from "../sound/pitch.js";
import { Spectra, HOP, WINDOW } from "../live/spectra.js";

export const MOST = 10; // s of speech that are looked at
export const COLUMNS = 100; // of the map and the spectrogram, a second

/** @typedef {{name: string, model: import("../engine/model.js").Model, said: any, spoken: Float32Array, seconds: number, map: Float32Array[] | null, pitch: import("../sound/pitch.js").Track | null, median: number, worth: number[] | null, spectra: Spectra | null, whole: Float32Array}} Looked
 *   spoken : the speech, pauses cut out, at 16 kHz; map : a column of mapRows every 1 / COLUMNS s, raw; worth : of each band, in logits */

/**
 * @param {{model: import("../engine/model.js").Model}} context
 * @param {(model: any, samples: Float32Array, rate: number) => Promise<any>} recognise @param {import("../live/axis.js").Axis} axis
 * @param {{samples: Float32Array, rate: number}} sound  at 16 kHz @param {string} name
 * @returns {Promise<Looked>}
 */
export async function lookAt({ model }, recognise, axis, { samples, rate }, name) {
  const said = await recognise(model, samples.subarray(0, MOST * rate), rate);
  const none = { name, model, said, whole: samples, spoken: new Float32Array(0), seconds: 0, map: null, pitch: null, median: NaN, worth: null, spectra: null };
  if (!said.windows.length) return none;
  const spoken = said.spoken ?? samples, pitch = pitchTrack(spoken, rate), hz = pitch.hz.filter((one) => !Number.isNaN(one)).sort();
  const worth = await model.bandWorth(said.windows[said.strongest].samples, said.best);
  return { ...none, spoken, seconds: spoken.length / rate, map: overTime(model, said, spoken.length / rate), pitch, median: hz.length ? hz[hz.length >> 1] : NaN, worth, spectra: spectraOf(axis, spoken) };
}

/** The likeliest class's map, the mean where windows overlap. @param {import("../engine/model.js").Model} model @param {any} said @param {number} seconds */
function overTime(model, said, seconds) {
  const { mapRows: rows, mapColumns: columns, mapEdges: edges, config } = model;
  if (config.features !== "logmel") return null; // rows that are no frequencies
  const found = Array.from({ length: Math.ceil(seconds * COLUMNS) }, () => new Float32Array(rows));
  found.forEach((sum, i) => {
    const time = (i + 0.5) / COLUMNS;
    let n = 0;
    for (const { start, maps } of said.windows) {
      const share = (time - start) / config.seconds;
      if (share < 0 || share >= 1) continue;
      const column = Math.max(0, edges.columns.findIndex((edge) => edge > share) - 1);
      for (let r = 0; r < rows; r++) sum[r] += maps[(said.best * rows + r) * columns + column];
      n++;
    }
    if (n > 1) sum.forEach((value, r) => { sum[r] = value / n; });
  });
  return found;
}

/** @param {import("../live/axis.js").Axis} axis @param {Float32Array} samples */
function spectraOf(axis, samples) {
  const spectra = new Spectra(axis, "light"); // cards are on white, whatever the page is
  for (let at = 0; at * HOP + WINDOW <= samples.length; at++) spectra.write(at, samples.subarray(at * HOP, at * HOP + WINDOW));
  return spectra;
}
