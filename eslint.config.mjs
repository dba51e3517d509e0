// ESLint's rules for the page's JavaScript; tests/test_web_lint.py fetches ESLint into cache/npm/ and runs it. Lints nothing else.
import js from "./cache/npm/node_modules/@eslint/js/src/index.js";
import unsanitized from "./cache/npm/node_modules/eslint-plugin-no-unsanitized/index.js";

const read = (names) => Object.fromEntries(names.split(" ").map((name) => [name, "readonly"]));
const EVERYWHERE = "URL URLSearchParams console fetch performance setTimeout clearTimeout queueMicrotask structuredClone Blob Response Request TextEncoder TextDecoder atob btoa crypto";
const PAGE = "document window location navigator history addEventListener matchMedia getComputedStyle requestAnimationFrame cancelAnimationFrame devicePixelRatio "
  + "AbortController AudioBufferSourceNode ConstantSourceNode AudioContext AudioWorkletNode OfflineAudioContext MediaRecorder MediaStream Audio CustomEvent Event EventTarget File FormData HTMLElement "
  + "Image OffscreenCanvas Option Worker Node Element setInterval clearInterval ResizeObserver MutationObserver DOMException";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    plugins: { "no-unsanitized": unsanitized },
    languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: read(`${EVERYWHERE} ${PAGE}`) },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-unsanitized/method": "error", // document.write, insertAdjacentHTML
      "no-unsanitized/property": "error", // innerHTML and outerHTML of what is no constant
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-extend-native": "error",
      "no-proto": "error",
      "no-unused-vars": ["error", { args: "none", caughtErrors: "none" }],
      "eqeqeq": "error",
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "no-unreachable-loop": "error",
      "no-self-compare": "error",
    },
  },
  { files: ["**/worker.js"], languageOptions: { globals: { postMessage: "readonly", onmessage: "writable" } } },
  { files: ["**/service-worker.js"], languageOptions: { globals: read("self caches") } },
  { files: ["**/capture.js"], languageOptions: { globals: read("AudioWorkletProcessor registerProcessor sampleRate currentFrame") } },
  { files: ["torture/*.mjs"], languageOptions: { globals: { process: "readonly", globalThis: "writable" } }, rules: { "no-unsanitized/method": "off" } }, // imports by name
];
