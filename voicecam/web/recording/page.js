// The elements of the view "One recording", empty: recording.js fills them. Their words are named by data-t, see strings.js.

/** @param {"server" | "browser"} kind  of the backend: what is said of where a sound goes, and of how it is moved @returns {string} */
export function page(kind) {
  return `
<h2 data-t="recording.title"></h2>
<p class="sub" id="about"></p>
<section aria-labelledby="take-title" class="card" id="drop">
<h3 id="take-title" data-t="recording.yours"></h3>
<div class="row">
<button type="button" id="record" class="main" data-t="teach.record"></button>
<label for="file" class="button" id="file-label" data-t="compare.open"></label>
<input type="file" id="file" class="hidden-input">
<meter id="level" min="-60" max="0" low="-40" high="-3" optimum="-15" value="-60" data-t-aria="teach.level"></meter>
<span id="clock" class="small" aria-hidden="true"></span>
</div>
<p class="small"><span id="limits"></span> <span data-t="recording.${kind}Keeps"></span></p>
<p class="row small" id="models" hidden><label><span data-t="recording.model"></span> <select id="model"></select></label></p>
<div id="consent" class="warning" hidden><p data-t="live.consent"></p><p><button type="button" id="agree" data-t="live.agree"></button></p></div>
<div class="row small"><span data-t="recording.naming"></span>
<label><span data-t="recording.speaker"></span> <input type="text" id="speaker" maxlength="60" autocomplete="off" spellcheck="false"></label>
<label><span data-t="recording.word"></span> <input type="text" id="word" maxlength="60" autocomplete="off" spellcheck="false"></label>
</div>
</section>

<p id="status" role="status" aria-live="polite" class="status"></p>
<p id="error" role="alert" class="warning" hidden></p>
<section id="kept" class="card" data-t-aria="recording.unanswered" hidden>
<p id="kept-words" class="small"></p>
<div class="row"><button type="button" id="again" class="main" data-t="recording.again"></button><audio id="kept-clip" controls preload="metadata" data-t-aria="recording.unanswered"></audio><a id="kept-save" class="button" href="#" download data-t="recording.save"></a></div>
</section>

<section id="result" aria-labelledby="prediction" hidden>
<h2 id="prediction" tabindex="-1"></h2>
<p id="verdicts" class="small" hidden></p>
<p id="disagreement" class="warning" hidden></p>
<p id="facts"></p>
<div id="probabilities"></div>
<p id="timeline" class="small" hidden></p>

<h3 data-t="recording.waveform"></h3>
<canvas id="waveform" class="plot" role="img"></canvas>
<div class="row"><audio id="clip" controls preload="metadata" data-t-aria="recording.clip"></audio><a id="save" class="button" href="#" download data-t="recording.save"></a></div>

<div id="explanation">
<h3 data-t="recording.looks"></h3>
<p class="small" id="window"></p>
<div class="pair">
<figure><canvas id="picture" class="plot tall" role="img"></canvas><figcaption id="picture-words"></figcaption></figure>
<figure><canvas id="map" class="plot tall" role="img"></canvas><figcaption id="map-words"></figcaption>
<label class="small"><input type="checkbox" id="overlay" checked> <span data-t="recording.overlay"></span></label></figure>
</div>

<details id="sounds"><summary data-t="recording.hear"></summary>
<p class="small" data-t="recording.${kind}Evidence"></p>
<div class="players" id="sound-players" hidden>
<figure><figcaption data-t="recording.asItWas"></figcaption><audio id="sound-window" controls preload="metadata" data-t-aria="recording.asItWas"></audio></figure>
<figure><figcaption data-t="recording.evidence"></figcaption><audio id="sound-evidence" controls preload="metadata" data-t-aria="recording.evidence"></audio></figure>
<figure><figcaption data-t="recording.rest"></figcaption><audio id="sound-rest" controls preload="metadata" data-t-aria="recording.rest"></audio></figure>
</div>
<p class="small" id="sounds-words" aria-live="polite"></p>
</details>

<div id="bands-part">
<h3 data-t="recording.bands"></h3>
<canvas id="bands" class="plot" role="img"></canvas>
<p class="small" id="bands-words"></p>
<details><summary data-t="live.table"></summary><div class="scroll" role="region" tabindex="0" data-t-aria="recording.bands"><table id="bands-table"></table></div></details>
</div>

<h3 data-t="recording.move"></h3>
<p class="small" data-t="recording.${kind}Moves"></p>
<label for="pitch"><span data-t="recording.semitones"></span> <output id="pitch-value" for="pitch">0</output></label>
<input type="range" id="pitch" min="-12" max="12" step="1" value="0">
<p id="pitch-words" aria-live="polite"></p>
<canvas id="pitch-plot" class="plot" role="img"></canvas>
<audio id="pitch-sound" controls preload="metadata" data-t-aria="recording.movedSound" hidden></audio>
</div>
</section>

<section aria-labelledby="history-title" id="history-part" hidden>
<h2 id="history-title" data-t="recording.visit"></h2>
<p class="small" data-t="recording.visitWords"></p>
<ol id="history"></ol>
</section>

<section aria-labelledby="not-for">
<h2 id="not-for" data-t="recording.notFor"></h2>
<p data-t="live.consent"></p>
</section>`;
}
