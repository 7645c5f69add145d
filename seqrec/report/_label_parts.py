"""Style and script of labels.html. Nothing of a sample becomes HTML: texts and names are set as text."""

STYLE = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5d6b7a; --line: #dde3e9; --go: #1f6feb; --done: #2e8b57 }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #f6f8fa }
header { position: sticky; top: 0; z-index: 1; background: #fff; border-bottom: 1px solid var(--line);
  padding: .6rem 1rem }
header > div { max-width: 64rem; margin: auto; display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center }
progress { flex: 1 1 8rem; height: .6rem; accent-color: var(--done) }
#count { font-variant-numeric: tabular-nums; font-weight: 600 }
#state { flex-basis: 100%; color: var(--soft); font-size: .87rem } #state:empty { display: none }
#state.bad { color: #b42318; font-weight: 600 }
main, #help { max-width: 64rem; margin: 0 auto; padding: 0 1rem }
#help { color: var(--soft); font-size: .87rem; padding-top: .6rem }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 .3rem; background: #fff }
article { background: #fff; border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 8px;
  margin: .6rem 0; padding: .7rem .9rem; min-height: 8.6rem; scroll-margin: 7rem 0 4rem }
section { content-visibility: auto; contain-intrinsic-height: auto 184rem } /* of 20 */
article:focus-within { border-color: var(--go); box-shadow: 0 0 0 2px #1f6feb33 }
article.done { border-left-color: var(--done) }
.hide article.done:not(:focus-within), .hide section.done:not(:focus-within) { display: none }
.signal { overflow-x: auto; min-height: 2.5rem }
.signal audio { width: 100%; height: 2.5rem; display: block }
.signal img { display: block; max-width: 100%; max-height: 10rem; min-height: 2rem }
.signal svg { display: block; max-width: 100%; height: auto; max-height: 10rem; width: auto }
.signal .ink { fill: none; stroke: var(--ink); stroke-linecap: round; stroke-linejoin: round; stroke-width: 8 }
.signal .veil { fill: #fff; fill-opacity: .65; fill-rule: evenodd }
textarea { display: block; width: 100%; margin: .4rem 0 .3rem; padding: .35rem .6rem;
  font: 1.3rem/1.45 system-ui, sans-serif; color: inherit;
  border: 1px solid #b8c2cc; border-radius: 6px; resize: none; overflow: hidden;
  unicode-bidi: plaintext; text-align: start }
textarea:focus { outline: none; border-color: var(--go) }
button { font: inherit; color: inherit; background: #fff; border: 1px solid #b8c2cc; border-radius: 6px;
  padding: .15rem .6rem; cursor: pointer; max-width: 100%; overflow-wrap: anywhere; text-align: start }
button:hover { border-color: var(--go) }
#save { background: var(--go); border-color: var(--go); color: #fff; font-weight: 600 }
.others { display: flex; flex-wrap: wrap; gap: .35rem } .others small { color: var(--soft); margin-inline-end: .4rem }
.about { color: var(--soft); font-size: .8rem; display: flex; gap: .3rem 1rem; flex-wrap: wrap; overflow-wrap: anywhere;
  margin-top: .3rem }
.about .mark { color: var(--done); font-weight: 600 }
"""

SCRIPT = r"""
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const place = "seqrec label " + location.pathname + " ";
const risky = new RegExp(data.risky, "iu");
const alt = navigator.platform.startsWith("Mac") ? "Option" : "Alt";

// A row: what labels.tsv holds, what is typed here, and the parts of its card.
const rows = data.rows.map(({cells, key, ...signal}) => ({
  signal, key, others: cells.slice(7), id: cells[0], confidence: cells[3], read: cells[4], alternatives: cells[5],
  path: cells[6], text: cells[1], checked: cells[2], before: [cells[1], cells[2]],
}));
// What Python takes for white space: more control characters, and no byte order mark.
const strip = (text) => text.replace(/^(?:(?!\ufeff)[\s\x1c-\x1f\x85])+|(?:(?!\ufeff)[\s\x1c-\x1f\x85])+$/g, "");
const isChecked = (checked) => !data.unchecked.includes(strip(checked).toLowerCase());
const isDone = (row) => isChecked(row.checked) || strip(row.text) !== strip(row.read);
const isNew = (row) => row.text !== row.saved[0] || row.checked !== row.saved[1];
for (const row of rows) row.saved = row.before;

// The table, as seqrec writes it.
function cell(text) {
  const marked = risky.test(text) ? "'" + text : text;
  return /[\t\r\n"]/.test(marked) ? '"' + marked.replaceAll('"', '""') + '"' : marked;
}
const line = (cells) => cells.join("\t") + "\n";
function table() {
  const cells = (row) => [...[row.id, row.text, row.checked].map(cell), row.confidence,
    ...[row.read, row.alternatives.join(data.between), row.path, ...row.others].map(cell)];
  return "\ufeff" + line(data.columns.map(cell)) + rows.map((row) => line(cells(row))).join("");
}

// The browser keeps what was typed, until labels.tsv says something newer.
let keeps = true;
function keep(row) {
  try {
    if (row.text === row.before[0] && row.checked === row.before[1]) localStorage.removeItem(place + row.key);
    else localStorage.setItem(place + row.key, JSON.stringify([row.text, row.checked, ...row.before]));
  } catch { keeps = false; }
}
function recall(row) {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(place + row.key)); } catch { keeps = false; }
  if (!Array.isArray(kept) || kept.length !== 4 || !kept.every((part) => typeof part === "string")) return;
  const [text, checked, ...before] = kept;
  const newer = isDone(row) && (before[0] !== row.before[0] || before[1] !== row.before[1]);
  if (!newer) [row.text, row.checked] = [text, checked];
}

// The page. Texts and names are only ever set as text.
const element = (name, properties = {}, ...parts) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...parts);
  return made;
};
function drawn(name, attributes, ...parts) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...parts);
  return made;
}
const visible = (text) => text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
  (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));

function ink({strokes, size: [width, height]}) {
  const edge = 16, box = [-edge, -edge, width + 2 * edge, height + 2 * edge];
  const lines = strokes.map((all) => drawn("polyline", {points: (all.length > 2 ? all : [...all, ...all]).join(" ")}));
  return drawn("svg", {class: "ink", viewBox: box.join(" "), width: box[2] / 4, height: box[3] / 4}, ...lines);
}
function pageLine({image, polygon, box}) {
  const [x, y, width, height] = box;
  const page = drawn("image", {href: image});
  const whole = new Image();
  whole.onload = () => {
    page.setAttribute("width", whole.naturalWidth);
    page.setAttribute("height", whole.naturalHeight);
  };
  whole.src = image;
  const corners = [];
  for (let i = 0; i < polygon.length; i += 2) corners.push(polygon[i] + " " + polygon[i + 1]);
  const veil = `M${x} ${y}h${width}v${height}h${-width}zM${corners.join("L")}z`;
  const enlarged = Math.max(1, Math.min(3, 56 / height));
  const size = {viewBox: box.join(" "), width: width * enlarged, height: height * enlarged};
  return drawn("svg", size, page, drawn("path", {class: "veil", d: veil}));
}
function sound(row) {
  const [start, end] = row.signal.part || [0, null];
  const player = element("audio", {controls: true, preload: "metadata", src: row.signal.sound + "#t=" + start});
  const stop = () => {  // where the part ends, but not when somebody listens to what comes after it
    if (end === null || player.paused) return;
    if (player.currentTime >= end && player.currentTime < end + 1) player.pause();
    else requestAnimationFrame(stop);
  };
  player.onplay = () => {
    if (player.paused) return;  // meanwhile, for another
    silence(row);
    if (player.currentTime < start || (end !== null && player.currentTime >= end - 0.02)) player.currentTime = start;
    stop();
  };
  row.player = player;
  return player;
}
function silence(but) {
  for (const row of rows) if (row.player && row !== but) row.player.pause();
}
function signalOf(row) {
  const {signal} = row;
  if (signal.strokes) return ink(signal);
  if (signal.sound) return sound(row);
  if (signal.polygon) return pageLine(signal);
  if (signal.image) return element("img", {src: signal.image, alt: "", draggable: false});
  return element("em", {textContent: "The file cannot be shown: " + visible(row.path)});
}

function fill(row) {
  if (row.input) return;
  row.input = element("textarea", {rows: 1, dir: "auto", spellcheck: false, autocomplete: "off", autocapitalize: "off",
    value: row.text, ariaLabel: "text of " + visible(row.id)});
  row.input.oninput = () => { row.text = row.input.value; changed(row); };
  row.input.onfocus = () => { current = rows.indexOf(row); };
  const others = row.alternatives.slice(0, 9).map((text, i) => element("button", {type: "button",
    title: `${alt}+${i + 1}`, onclick: () => take(row, text)}, element("bdi", {textContent: text})));
  if (others.length) others.unshift(element("small", {textContent: "or"}));
  row.mark = element("span", {className: "mark"});
  const sure = element("span", {textContent: "confidence " + row.confidence});
  const about = element("div", {className: "about"}, element("bdi", {textContent: visible(row.id)}), sure, row.mark);
  row.card.append(element("div", {className: "signal"}, signalOf(row)), row.input,
    element("div", {className: "others"}, ...others), about);
  grow(row);
  show(row);
}
function grow(row) {
  row.input.style.height = "auto";
  row.input.style.height = row.input.scrollHeight + 2 + "px";
}
function show(row) {
  row.card.classList.toggle("done", isDone(row));
  const group = row.card.parentElement;
  group.classList.toggle("done", [...group.children].every((card) => card.classList.contains("done")));
  if (!row.mark) return;
  const said = isChecked(row.checked) ? "checked" : isDone(row) ? "changed" : "";
  row.mark.textContent = said && !strip(row.text) ? "left out: no text" : said;
}
function changed(row) {
  keep(row);
  grow(row);
  show(row);
  count();
}
function count() {
  const done = rows.filter(isDone).length, unsaved = rows.filter(isNew).length;
  document.getElementById("count").textContent = `${done} of ${rows.length} done`;
  document.getElementById("bar").value = done;
  const state = document.getElementById("state");
  state.classList.toggle("bad", unsaved > 0 && !keeps);
  if (unsaved && !keeps) state.textContent = "This browser keeps nothing of this page: save before you leave it.";
  else if (unsaved) state.textContent = `${unsaved} not saved to labels.tsv yet. This browser keeps them meanwhile.`;
  else state.textContent = done === rows.length ? "All done. Nothing is left to save." : "";
}

// Going through them.
let current = 0;
function go(place, play) {
  const row = rows[place];
  if (!row) return;
  fill(row);
  row.input.focus({preventScroll: true});
  row.input.setSelectionRange(row.input.value.length, row.input.value.length);
  row.card.scrollIntoView({block: "nearest"});
  if (play) replay(row);
}
function replay(row) {
  if (!row.player) return;
  silence(row);
  row.player.currentTime = (row.signal.part || [0])[0];
  row.player.play().catch(() => {});
}
function next(place) {
  const open = (i) => !isDone(rows[i]);
  const order = rows.map((_, i) => i);
  const found = [...order.slice(place + 1), ...order.slice(0, place)].find(open);
  if (found !== undefined) go(found, true);
  else document.getElementById("save").focus();
}
function take(row, text) {
  row.input.value = row.text = text;
  changed(row);
  row.input.focus();
}
function accept(row) {
  row.checked = isChecked(row.checked) ? row.checked : "yes";
  changed(row);
  next(rows.indexOf(row));
}
function restore(row) {
  row.input.value = row.text = row.read;
  row.checked = "";
  changed(row);
}
function pressed(event) {
  const row = rows[current];
  if (event.isComposing || !row || event.target !== row.input) return;
  const digit = event.altKey && /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
  const shown = (i) => !document.body.classList.contains("hide") || !isDone(rows[i]);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) replay(row);
  else if (event.key === "Enter" && event.shiftKey) go(current - 1, true);
  else if (event.key === "Enter") accept(row);
  else if (event.key === "Escape") restore(row);
  else if (digit && row.alternatives[digit[1] - 1] !== undefined) take(row, row.alternatives[digit[1] - 1]);
  else if (step && !event.shiftKey && !event.altKey) {
    let to = current + step;
    while (rows[to] && !shown(to)) to += step;
    go(to, true);
  } else return;
  event.preventDefault();
}

// Saving: into the file itself where the browser can, else as a download.
let file = null;
async function save() {
  const saved = rows.map((row) => [row.text, row.checked]);
  const written = new Blob([table()], {type: "text/tab-separated-values"});
  try {
    if (window.showSaveFilePicker) {
      const types = [{description: "Table of labels", accept: {"text/tab-separated-values": [".tsv"]}}];
      file = file || await window.showSaveFilePicker({suggestedName: "labels.tsv", types});
      const stream = await file.createWritable();
      await stream.write(written);
      await stream.close();
    } else download(written);
  } catch (error) {
    file = null;
    if (error.name === "AbortError") return count();
    download(written);
  }
  rows.forEach((row, i) => { row.saved = saved[i]; });
  count();
  const where = file ? "Saved. It belongs beside this page" : "Downloaded: put it beside this page";
  document.getElementById("state").textContent = where + ", as labels.tsv, in the place of the one that is there.";
}
function download(written) {
  const url = URL.createObjectURL(written);
  element("a", {href: url, download: "labels.tsv"}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

function begin() {
  const hide = element("input", {type: "checkbox", id: "hide"});
  hide.onchange = () => document.body.classList.toggle("hide", hide.checked);
  const saving = element("button", {type: "button", id: "save", textContent: "Save labels.tsv", onclick: save});
  const bar = element("progress", {id: "bar", max: rows.length, ariaLabel: "done"});
  document.body.append(element("header", {}, element("div", {}, element("span", {id: "count"}), bar,
    element("label", {}, hide, " hide what is done"), saving, element("div", {id: "state", ariaLive: "polite"}))));
  const help = element("p", {id: "help"});
  const again = rows.some((row) => row.signal.sound) ? [["Ctrl+Enter", "plays again"]] : [];
  const keys = [["Enter", "accepts and goes on"], ["Shift+Enter", "goes back"], ["↑ ↓", "go without accepting"],
    [alt + "+1 2 …", "takes another reading"], ...again, ["Esc", "takes what was read"]];
  for (const [key, does] of keys) help.append(element("kbd", {textContent: key}), " " + does + ". ");
  help.append("Accepted without a text, a sample is left out.");
  const main = element("main");
  const seen = new IntersectionObserver((entries) => {
    for (const {isIntersecting, target} of entries) if (isIntersecting) {
      target.rows.forEach(fill);
      seen.unobserve(target);
    }
  }, {rootMargin: "600px"});
  for (let start = 0; start < rows.length; start += 20) {
    const group = element("section", {rows: rows.slice(start, start + 20)});
    for (const row of group.rows) {
      recall(row);
      row.card = element("article");
      group.append(row.card);
    }
    group.rows.forEach(show);
    seen.observe(group);
    main.append(group);
  }
  document.body.append(help, main);
  document.addEventListener("keydown", pressed);
  window.addEventListener("beforeunload", (event) => { if (!keeps && rows.some(isNew)) event.preventDefault(); });
  count();
  const first = rows.findIndex((row) => !isDone(row));
  go(Math.max(first, 0), false);
}
begin();
"""
