// The page: words, models, and which view is shown. What a view does is its own module: mount(element, context) -> {stop()} or nothing.
import { chooseLanguage, language, LANGUAGES, loadStrings, t, translate } from "./strings.js";
import { offered, openBackend } from "./engine/backend.js";
import { held, NAMES } from "./engine/answers.js";
import { loadModel } from "./engine/model.js";

const there = offered(); // a server, the browser's engine, or both
const recording = { recording: () => import("./recording/recording.js") };
/** @type {Record<string, () => Promise<any>>} */
const VIEWS = { // name -> module, in the order of the tabs
  ...(there.server ? recording : {}),
  ...(there.engine ? engineViews() : {}),
};
const view = /** @type {HTMLElement} */ (document.querySelector("#view"));
const tabs = /** @type {HTMLElement} */ (document.querySelector("#tabs"));

/** Views of networks that run in the page. @returns {Record<string, () => Promise<any>>} */
function engineViews() {
  return {
    live: () => import("./live/live.js"),
    minute: () => import("./minute/minute.js"),
    ...recording,
    compare: () => import("./compare/compare.js"),
    teach: () => import("./teach/teach.js"),
  };
}

/** @type {AudioContext | null} */
let sound = null;
/** @type {Map<string, Promise<import("./engine/model.js").Model>>} */
const loaded = new Map();
/** @type {Promise<import("./engine/backend.js").Backend> | null} */
let answering = null;
let shown = { name: "", stop: () => {} };

/** What views are given. @type {import("./engine/model.js").Context} */
const context = {
  t,
  models: [],
  model: null,
  get audio() { return (sound ??= new AudioContext()); },
  backend: () => (answering ??= openBackend(context, there)),
  /** Load a model by name and choose it. */
  async choose(name) {
    if (!loaded.has(name)) loaded.set(name, loadModel(new URL(`models/${name}/`, import.meta.url)));
    try {
      context.model = await /** @type {Promise<import("./engine/model.js").Model>} */ (loaded.get(name));
    } catch (reason) {
      loaded.delete(name);
      throw reason;
    }
    document.dispatchEvent(new CustomEvent("model", { detail: context.model }));
    return context.model;
  },
};

/** @param {unknown} reason */
function fail(reason) {
  const line = /** @type {HTMLElement} */ (document.querySelector("#failure"));
  line.textContent = t("page.failed", { why: reason instanceof Error ? reason.message : String(reason) });
  line.hidden = false;
}

function named() {
  const asked = location.hash.slice(1).split("/")[0];
  return Object.hasOwn(VIEWS, asked) ? asked : shown.name || Object.keys(VIEWS)[0]; // "#view" is the link that skips the tabs
}

async function show() {
  const name = named();
  if (name === shown.name) return;
  shown.stop();
  shown = { name, stop: () => {} };
  for (const tab of tabs.children) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    /** @type {HTMLElement} */ (tab).tabIndex = chosen ? 0 : -1;
  }
  const panel = document.createElement("section");
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", `tab-${name}`);
  panel.className = `view ${name}`;
  view.replaceChildren(panel);
  try {
    const module = await VIEWS[name]();
    if (shown.name !== name) return;
    const mounted = await module.mount(panel, context);
    if (shown.name === name) shown.stop = () => (typeof mounted === "function" ? mounted() : mounted?.stop?.());
    else if (typeof mounted === "function") mounted();
    else mounted?.stop?.();
    translate(panel);
  } catch (reason) {
    fail(reason);
  }
}

function makeTabs() {
  for (const name of Object.keys(VIEWS)) {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", id: `tab-${name}` });
    tab.setAttribute("role", "tab");
    tab.dataset.t = `${name}.tab`;
    tab.textContent = t(`${name}.tab`);
    tab.onclick = () => { location.hash = name; };
    tabs.append(tab);
  }
  tabs.addEventListener("keydown", (event) => {
    const all = /** @type {HTMLElement[]} */ ([...tabs.children]), at = all.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.focus();
    next.click();
  });
}

function makeLanguages() {
  const list = /** @type {HTMLSelectElement} */ (document.querySelector("#language"));
  list.replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code, false, code === language())));
  list.onchange = () => chooseLanguage(list.value).catch(fail);
  /** @type {HTMLElement} */ (list.closest("label")).hidden = list.options.length < 2;
}

/** Where sounds go, and what else there could be. */
function tellWhere() {
  /** @type {(id: string) => any} */
  const $ = (id) => document.querySelector(`#${id}`);
  if (there.server) $("private").dataset.t = "page.served";
  $("no-engine").hidden = there.engine;
  $("api").hidden = !there.server;
  tabs.hidden = Object.keys(VIEWS).length < 2;
}

async function start() {
  await loadStrings();
  makeLanguages();
  makeTabs();
  tellWhere();
  translate(document);
  if (there.engine) {
    const answer = await fetch(new URL("models/models.json", import.meta.url));
    context.models.push(...held(await answer.json().catch(() => null), NAMES, "models/models.json"));
    if (!there.server) context.choose(context.models[0]).catch(fail);
  }
  addEventListener("hashchange", show);
  await show();
  document.body.dataset.ready = "";
  if (!there.server && "serviceWorker" in navigator) navigator.serviceWorker.register("service-worker.js").catch(() => {}); // plain http has none
}

start().catch(fail);
