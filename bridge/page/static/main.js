// The page: words and numbers as text, the rest on canvases; drawn no oftener than they change.

import { QUADRANTS } from "./canvas.js";
import { buildDesk, listen, showDesk } from "./desk.js";
import { connect, link, story } from "./link.js";
import { drawPlane } from "./plane.js";
import { drawRoll } from "./roll.js";
import { drawScalp } from "./scalp.js";
import { drawScope } from "./scope.js";

const TONES = { MUTED: "warn", HOLD: "warn", "SIGNAL LOST": "alarm", "NO CONNECTION": "alarm", WAITING: "still", ENDED: "still" };
const SIGNALS = { LATE: "so-so", STALE: "bad", LOST: "bad" };
const KEPT = { OFF: "NOT RECORDING", RECORDING: "RECORDING", PAUSED: "REC PAUSED", FAILED: "DISK TROUBLE" };
const NOTICE_MS = 8000;
const METERS = [ // name, title, unit, decimals, from where on it is a warning and an alarm, factor
  ["sample_age_s", "Sample age", "ms", 0, 250, 1000, 1000], ["lateness_p99_ms", "Lateness p99", "ms", 1, 10, 50, 1],
  ["lateness_max_ms", "Lateness, most", "ms", 1, 50, 100, 1], ["underruns", "Underruns", "", 0, 1, 10, 1],
  ["late", "Notes dropped", "", 0, 1, 10, 1], ["gaps", "Gaps in the EEG", "", 0, 1, 10, 1],
  ["restarts", "Restarts", "", 0, 1, 5, 1], ["rewinds", "Rewinds", "", 0, Infinity, Infinity, 1],
  ["notes", "Notes", "", 0, Infinity, Infinity, 1], ["strength", "Guidance", "×", 1, Infinity, Infinity, 1],
];
const shown = Object.fromEntries([...document.querySelectorAll("[data-show]")].map((one) => [one.dataset.show, one]));
const meters = {}, bars = {};
const asked = new Set();
let ended = false, noticed = 0, count = 0, sayings = 0;

function heard(frame) {
  if (frame.facts) { buildDesk(frame.facts); ended = false; }
  const said = link.open && frame.state.sayings !== sayings ? frame.state.said : "";
  if (said) sayings = frame.state.sayings;
  if (frame.problem || said) { notice(frame.problem || said); noticed = performance.now(); }
  if (link.open) words(frame.state);
  else if (!ended || link.why) { word("NO CONNECTION"); record(""); notice(link.why || "The program has ended or starts again; this page waits for it."); noticed = Infinity; }
  if (noticed !== Infinity && performance.now() - noticed > NOTICE_MS || (link.open && noticed === Infinity)) { notice(""); noticed = 0; }
  count += 1;
  ask(drawRoll);
  if (count % 2) ask(drawScope);
  if (frame.facts || frame.trail?.length) ask(drawPlane);
  if (["facts", "signal", "grades", "votes"].some((name) => name in frame)) ask(drawScalp);
}

function ask(...drawings) { // each is drawn once, when the screen is next drawn, if it has to be
  if (!asked.size) requestAnimationFrame(draw);
  for (const one of drawings) asked.add(one);
}

function draw() {
  const now = [...asked];
  asked.clear();
  for (const one of now) one();
}

function words(state) {
  ended = state.word === "ENDED";
  word(state.word);
  show("signal", state.signal, SIGNALS[state.signal]);
  show("stream", story.signal ? story.signal.name : "");
  show("port", story.facts.port);
  show("listeners", state.listeners.join(", "));
  show("bpm", state.bpm ? state.bpm.toFixed(0) : "–");
  show("elapsed", clock(state.elapsed_s));
  record(state.keeping);
  show("recorded", state.keeping === "OFF" ? "" : `${(state.recorded_bytes / 1e6).toFixed(1)} MB`);
  show("marks", state.marks ? `${state.marks} mark${state.marks > 1 ? "s" : ""}` : "");
  show("folder", story.facts.folder);
  show("valence", signed(state.valence));
  show("arousal", signed(state.arousal));
  QUADRANTS.forEach(([name], n) => bar(name, state.probabilities[n], state.played[n]));
  bar("confidence", state.confidence);
  bar("quality", state.quality);
  for (const [name, , unit, decimals, warn, alarm, factor] of METERS) {
    const value = state[name] * factor, { box, number, small } = meters[name];
    text(number, value.toFixed(decimals));
    text(small, unit);
    const silent = name === "sample_age_s" && !state.capsules;
    box.className = `meter${silent ? "" : value >= alarm ? " alarm" : value >= warn ? " warn" : ""}`;
  }
  showDesk(story.desk, state.keeping);
}

function record(keeping) { // what becomes of what is heard; nobody knows without a connection
  show("keeping", KEPT[keeping] ?? "–");
  document.getElementById("record").dataset.keeping = keeping;
}

function word(name) {
  const title = document.getElementById("word");
  text(title, name);
  title.dataset.tone = TONES[name] ?? "";
  document.title = `${name} · emocapsule`;
}

function notice(sentence) {
  const box = document.getElementById("notice");
  text(box, sentence);
  box.hidden = !sentence;
}

function show(name, value, tone = "") {
  text(shown[name], value);
  for (const one of ["so-so", "bad"]) shown[name].classList.toggle(one, one === tone);
}

function text(element, value) { if (element.textContent !== value) element.textContent = value; } // never markup

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function signed(value) { return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`; }

function bar(name, felt, played) {
  const { fill, tick, number } = bars[name];
  fill.style.transform = `scaleX(${felt})`;
  if (tick) tick.style.left = `${100 * played}%`;
  text(number, felt.toFixed(2));
}

function make(tag, className, content = "") {
  return Object.assign(document.createElement(tag), { className, textContent: content });
}

function build() {
  const rows = [...QUADRANTS.map(([name]) => [name, name]), ["confidence", "confidence"], ["quality", "signal"]];
  for (const [name, title] of rows) {
    const emotion = name.startsWith("Q"), box = make("div", emotion ? "bar" : "bar sure");
    const track = make("div", "track"), fill = make("i", ""), number = make("span", "number", "–");
    box.dataset.name = name;
    track.append(fill);
    const tick = emotion ? make("u", "") : null;
    if (tick) track.append(tick);
    box.append(make("b", "", title), track, number);
    document.getElementById("bars").append(box);
    bars[name] = { fill, tick, number };
  }
  for (const [name, title] of METERS) {
    const box = make("div", "meter"), number = make("b", "", "–"), small = make("small", "");
    box.dataset.name = name;
    box.append(make("span", "", title), number, small);
    document.getElementById("meters").append(box);
    meters[name] = { box, number, small };
  }
}

build();
listen();
window.addEventListener("resize", () => ask(drawPlane, drawRoll, drawScope, drawScalp));
connect(heard);
