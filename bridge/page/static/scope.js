// The EEG as it came, each channel with its quality: a disc is good, a ring fair, a stroke off.

import { colour, pen, type } from "./canvas.js";
import { story, now } from "./link.js";

export const GRADES = { good: colour.q4, fair: colour.warn, off: colour.alarm, "": colour.soft };
const LEAST_UV = 30;
const LETTERS = 8; // of a channel's name

export function drawScope() {
  const [c, width, height] = pen("scope");
  if (!story.signal) return;
  const names = story.signal.channels, many = names.length, foot = 16;
  const tall = (height - foot) / many, label = 62, at = now(), span = story.facts.scope_s;
  const x = (time) => label + (width - label) * (1 - (at - time) / span);
  const size = Math.max(8, Math.min(14, tall * 0.8));
  const scale = range(story.samples, many);
  for (let n = 0; n < many; n += 1) {
    const middle = (n + 0.5) * tall, grade = story.grades[n] ?? "";
    mark(c, 7, middle, grade, Math.min(5, tall / 2.4));
    c.fillStyle = grade === "off" ? colour.alarm : colour.ink;
    type(c, size); c.textAlign = "left"; c.textBaseline = "middle"; c.fillText(names[n].slice(0, LETTERS), 18, middle, label - 20);
    c.strokeStyle = grade === "off" ? colour.alarm : colour.ink; c.globalAlpha = grade === "off" ? 0.45 : 0.85; c.lineWidth = 1.1;
    curve(c, n, x, middle, tall / 2 / scale, tall * 0.75, label);
    c.globalAlpha = 1;
  }
  c.fillStyle = colour.soft; type(c, 12); c.textBaseline = "bottom"; c.textAlign = "left";
  c.fillText(`−${span} s`, label, height);
  c.textAlign = "right"; c.fillText(`a row is ±${Math.round(scale)} µV`, width, height);
}

function range(samples, many) { // one scale for all channels, as steady as the signal
  const sizes = [];
  for (let i = 0; i < samples.length; i += 5) for (let n = 1; n <= many; n += 1) sizes.push(Math.abs(samples[i][n]));
  sizes.sort((a, b) => a - b);
  const typical = sizes.length ? sizes[Math.floor(0.97 * (sizes.length - 1))] : 0;
  return Math.max(LEAST_UV, 10 * Math.ceil(typical / 10));
}

function curve(c, n, x, middle, gain, most, label) {
  let before = -Infinity;
  c.beginPath();
  for (const row of story.samples) {
    const left = x(row[0]);
    if (left < label) continue;
    const top = middle - Math.max(-most, Math.min(most, row[n + 1] * gain));
    if (row[0] - before > 0.2) c.moveTo(left, top); else c.lineTo(left, top);
    before = row[0];
  }
  c.stroke();
}

export function mark(c, x, y, grade, radius) {
  c.fillStyle = c.strokeStyle = GRADES[grade] ?? colour.soft;
  c.lineWidth = 2;
  c.beginPath();
  if (grade === "off") { c.fillRect(x - radius, y - 1.5, 2 * radius, 3); return; }
  c.arc(x, y, grade === "fair" ? radius - 1 : radius * (grade ? 1 : 0.5), 0, 7);
  if (grade === "fair") c.stroke(); else c.fill();
}
