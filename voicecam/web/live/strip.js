// Draws the answers over time: each one's probability, and the zone in which nothing is sure. Computes none.
import { colour, fitted } from "./picture.js";

const STEADY = 3; // answers in a row that say the same before it is written down

/**
 * Of two classes the one is above and the other below; of more, the likeliest's probability is shown under its name.
 * @param {HTMLCanvasElement} canvas @param {Pick<import("./listener.js").Listener, "model" | "answers">} listener
 * @param {{from: number, to: number}} view  s @param {import("../engine/model.js").Words} t
 */
export function drawStrip(canvas, listener, view, t) {
  const { pen, width, height, ink, ground, left, below } = fitted(canvas), w = width - left, h = height - below + 14;
  const { classes, threshold } = listener.model, two = classes.length === 2;
  const x = (/** @type {number} */ time) => left + ((time - view.from) / (view.to - view.from)) * w, y = (/** @type {number} */ p) => 3 + (h - 6) * (1 - p);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  const zone = two ? [threshold, 1 - threshold] : [threshold, 0];
  pen.fillStyle = "rgb(128 128 128 / 0.22)";
  pen.fillRect(left, y(zone[0]), w, y(zone[1]) - y(zone[0]));
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = ink;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  if (two) {
    pen.fillText("1", left - 7, y(1) + 6);
    pen.fillText("1", left - 7, y(0) - 6);
    pen.fillText("½", left - 7, y(0.5));
  } else {
    pen.fillText("1", left - 7, y(1) + 6);
    pen.fillText("0", left - 7, y(0) - 6);
  }
  pen.textAlign = "left";
  pen.globalAlpha = 0.75;
  pen.fillText(t("live.zone"), left + 6, (y(zone[0]) + y(zone[1])) / 2);
  pen.globalAlpha = 1;
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, w, height);
  pen.clip();
  let label = -1, same = 0, written = -Infinity, before = view.from;
  for (const one of listener.answers) {
    const right = x(one.time), wide = Math.max(3, Math.min(right - x(before), x(0.2) - x(0)));
    before = one.time;
    if (!one.speech) { label = -1; same = 0; continue; }
    same = one.sure && one.best === label ? same + 1 : 0;
    label = one.sure ? one.best : -1;
    if (one.time < view.from || one.time > view.to) continue;
    const at = y(two ? one.probabilities[0] : one.probability);
    pen.fillStyle = one.sure ? colour(one.best) : ink;
    pen.globalAlpha = one.sure ? 1 : 0.55;
    pen.fillRect(right - wide, at - 2.5, wide + 0.5, 5);
    pen.globalAlpha = 1;
    if (!two && same === STEADY && right > written + 14) {
      pen.font = "bold 15px system-ui, sans-serif";
      pen.fillText(classes[one.best], right, Math.min(h - 8, at + 14));
      written = right;
    }
  }
  pen.restore();
  if (!two) return;
  pen.font = "bold 13px system-ui, sans-serif";
  for (const [k, place] of [[0, y(1) + 8], [1, y(0) - 8]]) {
    pen.fillStyle = ground;
    pen.globalAlpha = 0.8;
    pen.fillRect(left + 3, place - 8, pen.measureText(classes[k]).width + 6, 16);
    pen.globalAlpha = 1;
    pen.fillStyle = colour(k);
    pen.fillText(classes[k], left + 6, place);
  }
}
