// Clips by class -> a taught head with its tests, its temperature and its threshold. Draws nothing.
import { trainHead } from "./head.js";
import { nameKey } from "./names.js";
import { hindrance, temperatureOf, testClips, testSpeakers, thresholdOf } from "./testing.js";

const MAX_ERROR = 0.1; // share of held-back answers above the threshold that may be wrong

/**
 * @param {import("./teach.js").Kind[]} kinds @param {any} model  whose vectors the clips have
 * @returns {any}  head; held, byClip: see testing.js, held is null where `lacks` says why; temperature, threshold: from held-back
 *   speakers, else from the split by clip; names: of speakers by their keys; classes, clips, model
 */
export function teachKinds(kinds, model) {
  const classes = kinds.map(({ name }) => name), all = kinds.flatMap(({ clips }, target) => clips.map((clip) => ({ ...clip, target, word: classes[target] })));
  const clips = all.map(({ speaker, target, vector }) => ({ speaker: nameKey(speaker), target, vector }));
  const lacks = hindrance(clips, classes.length), held = lacks ? null : testSpeakers(clips, classes.length);
  const byClip = testClips(clips, classes.length), { logits, targets } = held ?? byClip;
  const temperature = temperatureOf(logits, targets), threshold = thresholdOf(logits, targets, temperature, MAX_ERROR);
  const head = trainHead(clips.map(({ vector }) => vector), clips.map(({ target }) => target), classes.length);
  const names = Object.fromEntries(all.map(({ speaker }) => [nameKey(speaker), speaker]));
  return { head, classes, model, temperature, threshold, held, lacks, byClip, names, clips: all };
}

/** What the saved network's meta.json says of its making. @param {any} taught */
export function aboutTaught({ temperature, threshold, held, byClip, names }) {
  const told = (/** @type {any} */ score) => score && {
    accuracy: score.accuracy,
    interval: score.interval,
    speakers: score.rows.map((/** @type {any} */ row) => ({ ...row, speaker: names[row.speaker] })),
  };
  const taught = { clips: byClip.targets.length, speaker_held_back: told(held), split_by_clip: told(byClip), by: "a new last layer in the browser" };
  return { temperature, threshold, max_error: MAX_ERROR, taught };
}
