// The controls: what a hand does is sent at once; what the desk says is shown, whoever set it.

import { link, press, story, turn } from "./link.js";

const KNOBS = [ // cell, title, step, decimals
  ["strength", "Strength", 0.1, 1], ["temperature", "Temperature", 0.05, 2],
  ["valence", "Valence by hand", 0.05, 2], ["valence_share", "Hand's share", 0.05, 2],
  ["arousal", "Arousal by hand", 0.05, 2], ["arousal_share", "Hand's share", 0.05, 2],
];
const USUAL_BPM = 100;
const parts = {};
let busy = null; // the slider that a hand is on

export function buildDesk(facts) {
  const knobs = document.getElementById("knobs");
  knobs.replaceChildren();
  for (const [name, title, step, decimals] of KNOBS.slice(0, 2)) knobs.append(slider(name, title, step, decimals, facts.ranges[name]));
  knobs.append(tempo(facts.ranges.bpm), key(facts));
  for (const [name, title, step, decimals] of KNOBS.slice(2)) knobs.append(slider(name, title, step, decimals, facts.ranges[name]));
}

export function showDesk(desk, keeping) {
  for (const [name, , , decimals] of KNOBS) {
    if (busy !== name) parts[name].input.value = desk[name];
    parts[name].output.textContent = Number(busy === name ? parts[name].input.value : desk[name]).toFixed(decimals);
  }
  const { lock, input, output } = parts.bpm;
  lock.checked = desk.bpm !== null;
  if (busy !== "bpm" && desk.bpm !== null) input.value = desk.bpm;
  input.disabled = desk.bpm === null;
  output.textContent = desk.bpm === null ? "free" : `${Math.round(desk.bpm)} bpm`;
  if (document.activeElement !== parts.tonic && document.activeElement !== parts.scale) {
    const [tonic, ...scale] = (desk.key ?? "").split(" ");
    parts.tonic.value = tonic;
    if (desk.key) parts.scale.value = scale.join(" ");
  }
  parts.key.textContent = desk.key ?? "free";
  for (const name of ["mute", "hold"]) document.getElementById(name).setAttribute("aria-pressed", String(desk[name]));
  const pause = document.getElementById("pause"), label = desk.record ? "Pause recording" : "Resume recording";
  if (pause.textContent !== label) pause.textContent = label;
  pause.classList.toggle("paused", !desk.record);
  pause.disabled = keeping === "OFF";
  document.getElementById("mark").disabled = keeping === "OFF" || keeping === "FAILED";
}

function slider(name, title, step, decimals, [low, high]) {
  const { box, output, input } = range(name, title, step, low, high);
  input.addEventListener("input", () => { turn(name, Number(input.value)); output.textContent = Number(input.value).toFixed(decimals); });
  parts[name] = { input, output };
  return box;
}

function tempo([low, high]) {
  const { box, output, input, label } = range("bpm", "Tempo lock", 1, low, high);
  const lock = make("input", { type: "checkbox", id: "bpm-lock" });
  label.htmlFor = "bpm-lock";
  label.prepend(lock);
  input.value = USUAL_BPM;
  input.setAttribute("aria-label", "Tempo in beats a minute");
  lock.addEventListener("change", () => {
    const heard = Math.round(story.state.bpm) || USUAL_BPM;
    turn("bpm", lock.checked ? Math.min(high, Math.max(low, heard)) : null);
  });
  input.addEventListener("input", () => turn("bpm", Number(input.value)));
  parts.bpm = { lock, input, output };
  return box;
}

function key(facts) {
  const box = make("div", { className: "knob" }), pair = make("div", { className: "pair" });
  const tonic = make("select", { id: "tonic" }), scale = make("select", { id: "scale" });
  tonic.setAttribute("aria-label", "Key lock: tonic"); scale.setAttribute("aria-label", "Key lock: scale");
  tonic.append(new Option("free", ""), ...facts.tonics.map((name) => new Option(name, name)));
  scale.append(...facts.scales.map((name) => new Option(name, name)));
  const send = () => turn("key", tonic.value ? `${tonic.value} ${scale.value}` : null);
  tonic.addEventListener("change", send); scale.addEventListener("change", send);
  pair.append(tonic, scale);
  parts.tonic = tonic; parts.scale = scale; parts.key = make("output", {});
  box.append(make("span", { className: "title", textContent: "Key lock" }), parts.key, pair);
  return box;
}

function range(name, title, step, low, high) {
  const box = make("div", { className: "knob" }), output = make("output", {});
  const input = make("input", { type: "range", id: name, min: low, max: high, step });
  const label = make("label", { htmlFor: name, textContent: title });
  input.addEventListener("pointerdown", () => { busy = name; });
  for (const done of ["pointerup", "pointercancel", "blur"]) input.addEventListener(done, () => { busy = null; });
  box.append(label, output, input);
  return { box, output, input, label };
}

function make(tag, settings) { return Object.assign(document.createElement(tag), settings); }

export function listen() {
  const pressed = (name) => {
    if (!link.open) return;
    press(name);
    document.getElementById(name).classList.add("pressed");
    setTimeout(() => document.getElementById(name).classList.remove("pressed"), 250);
  };
  for (const name of ["panic", "mark"]) document.getElementById(name).addEventListener("click", () => pressed(name));
  document.getElementById("pause").addEventListener("click", () => { if (story.desk) turn("record", !story.desk.record); });
  for (const name of ["mute", "hold"]) {
    document.getElementById(name).addEventListener("click", () => { if (story.desk) turn(name, !story.desk[name]); });
  }
  document.addEventListener("keydown", (event) => {
    const space = event.key === " " && event.target.tagName !== "SELECT";
    if (event.repeat || !(space || event.key === "Escape")) return;
    event.preventDefault();
    pressed("panic");
  });
  document.addEventListener("keyup", (event) => { if (event.key === " " && event.target.tagName === "BUTTON") event.preventDefault(); });
}
