// Two looked-at recordings as one picture to save, or as a film with their sound: verdicts with their doubt, and a sentence on what
// it does not show. Asks no network.
import { DIM, drawBands, drawClip, INK, LINE, SIDES } from "./draw.js";

export const WIDTH = 1280, HEIGHT = 720;
const GAP = 0.4, END = 1.2; // s of silence between the recordings and after them
const PICTURES = 25; // a second
const FILMS = ["video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];

/** @typedef {{t: (key: string, values?: any) => string, verdict: (looked: any) => {said: string, doubt: string}}} Words */

/**
 * @param {HTMLCanvasElement} canvas @param {(import("./clip.js").Looked | null)[]} two  left and right @param {any} axis @param {Words} words
 * @param {number[]} [until]  up to which moment of each, in s, map and pitch are there
 */
export function drawCard(canvas, two, axis, { t, verdict }, until = [Infinity, Infinity]) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), seconds = Math.max(0.5, ...two.map((one) => one?.seconds ?? 0));
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  two.forEach((looked, side) => {
    const x = side ? 660 : 24, width = 596;
    if (!looked) return;
    const { said, doubt } = verdict(looked);
    text(pen, looked.name, { x: x + 40, y: 34, width: width - 40, font: "20px", colour: SIDES[side] });
    text(pen, said, { x: x + 40, y: 78, width: width - 40, font: "bold 36px" });
    text(pen, doubt, { x: x + 40, y: 112, width: width - 40, font: "20px", colour: DIM });
    drawClip(pen, { x, y: 132, width, height: 300 }, looked, axis, { seconds, until: until[side], colour: SIDES[side] });
  });
  text(pen, t("compare.bands"), { x: 64, y: 462, width: 1190, font: "18px", colour: INK });
  drawBands(pen, { x: 24, y: 476, width: 1232, height: 148 }, two);
  pen.fillStyle = LINE;
  pen.fillRect(24, 640, 1232, 1);
  text(pen, t("compare.legend"), { x: 24, y: 662, width: 1232, font: "17px", colour: DIM });
  text(pen, t("compare.notShown"), { x: 24, y: 694, width: 1232, font: "bold 19px" });
}

/** A line of text, smaller where it would be too wide. */
function text(/** @type {CanvasRenderingContext2D} */ pen, /** @type {string} */ line, /** @type {any} */ { x, y, width, font, colour = INK }) {
  pen.font = `${font} system-ui, "Noto Sans", "Noto Sans Devanagari", sans-serif`;
  pen.fillStyle = colour;
  pen.textAlign = "left";
  pen.textBaseline = "alphabetic";
  pen.fillText(line, x, y, width);
}

/** A canvas for a card. */
export function cardCanvas() {
  return Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
export function png(canvas) {
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("PNG"))), "image/png"));
}

/** The kind of film that this browser can make; null where none. */
export function filmKind() {
  return typeof MediaRecorder === "undefined" ? null : FILMS.find((kind) => MediaRecorder.isTypeSupported(kind)) ?? null;
}

/**
 * Play one recording after the other and film the card meanwhile, map and pitch growing with the sound. Takes as long as they do.
 * @param {(import("./clip.js").Looked | null)[]} two @param {any} axis @param {Words} words @param {AudioContext} audio
 * @returns {Promise<Blob>}
 */
export async function film(two, axis, words, audio) {
  const kind = filmKind();
  if (!kind) throw new Error("MediaRecorder");
  const canvas = cardCanvas(), out = audio.createMediaStreamDestination();
  drawCard(canvas, two, axis, words, [0, 0]);
  await audio.resume();
  const silence = new ConstantSourceNode(audio, { offset: 0 }); // else the sound track ends with the last recording
  silence.connect(out);
  silence.start();
  const stream = new MediaStream([...canvas.captureStream(PICTURES).getVideoTracks(), ...out.stream.getAudioTracks()]);
  const recorder = new MediaRecorder(stream, { mimeType: kind });
  /** @type {Blob[]} */
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const over = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start(500);
  const begin = audio.currentTime + GAP, starts = [begin, begin + (two[0]?.seconds ?? 0) + GAP];
  two.forEach((looked, side) => looked && play(audio, out, looked, starts[side]));
  const end = starts[1] + (two[1]?.seconds ?? 0) + END;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = audio.currentTime;
      drawCard(canvas, two, axis, words, starts.map((start) => now - start));
      if (now >= end) resolve(clearInterval(timer));
    }, 1000 / PICTURES);
  });
  recorder.stop();
  await over;
  silence.stop();
  stream.getTracks().forEach((track) => track.stop());
  return new Blob(parts, { type: kind.split(";")[0] });
}

/** @param {AudioContext} audio @param {AudioNode} out @param {import("./clip.js").Looked} looked @param {number} when */
function play(audio, out, looked, when) {
  if (!looked.spoken.length) return;
  const buffer = audio.createBuffer(1, looked.spoken.length, looked.model.rate);
  buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (looked.spoken), 0);
  const source = new AudioBufferSourceNode(audio, { buffer });
  source.connect(out);
  source.connect(audio.destination);
  source.start(when);
}
