// The piano roll: notes that sounded (full), are committed (outlined) or planned (dashed).

import { blend, colour, pen, type } from "./canvas.js";
import { story, now } from "./link.js";

const LABELS = 26; // pixels, for the names of octaves
const PAST_S = 16, NEXT_S = 1.6, LONGEST_S = 8;
const LOW = 33, HIGH = 96; // shown at least; it grows for what lies outside
const PEDAL = 64, NOTES_OFF = 123;
const SAMPLES_A_TINT = 0.25;

export function drawRoll() {
  const [c, width, height] = pen("roll");
  if (!story.state) return;
  const at = now(), { notes, pedal } = heard(at);
  const pitches = [...notes.map((n) => n.pitch), ...story.ahead.map((n) => n[2])];
  const low = Math.min(LOW, ...pitches) - 1, high = Math.max(HIGH, ...pitches) + 1;
  const foot = 20, tall = (height - foot) / (high - low + 1);
  const x = (time) => Math.max(LABELS, LABELS + (width - LABELS) * (time - at + PAST_S) / (PAST_S + NEXT_S));
  const y = (pitch) => (high - pitch) * tall;
  grid(c, width, height - foot, low, high, y, tall);
  const thick = Math.max(3, tall * 0.86);
  for (const note of notes) {
    if (note.off < at - PAST_S) continue;
    c.fillStyle = tintAt(note.on); c.globalAlpha = 0.35 + 0.65 * note.velocity / 127;
    block(c, x(note.on), y(note.pitch) + (tall - thick) / 2, x(note.off) - x(note.on), thick); c.fill();
  }
  c.globalAlpha = 1;
  const tint = story.state.played ? blend(story.state.played) : colour.ink;
  for (const [on, off, pitch, , sure] of story.ahead) {
    if (on < at - 0.05) continue;
    c.setLineDash(sure ? [] : [3, 3]); c.lineWidth = sure ? 2 : 1.2;
    c.strokeStyle = sure ? tint : colour.soft;
    block(c, x(on), y(pitch) + (tall - thick) / 2, Math.min(x(off), width + 6) - x(on), thick); c.stroke();
  }
  c.setLineDash([]);
  c.fillStyle = colour.soft;
  for (const [down, up] of pedal) c.fillRect(x(down), height - foot + 3, Math.max(1, x(up) - x(down)), 3);
  c.fillStyle = colour.ink; c.fillRect(x(at) - 1, 0, 2, height - foot + 3);
  type(c, 12); c.textBaseline = "bottom"; c.fillStyle = colour.soft;
  c.textAlign = "left"; c.fillText(`−${PAST_S} s`, LABELS, height);
  c.textAlign = "center"; c.fillText("now", x(at), height);
}

function heard(at) { // notes and pedal from the messages that were sent
  const notes = [], pedal = [], down = new Map();
  let foot = null;
  for (const [time, status, first, second] of story.messages) {
    const kind = status & 0xf0, key = (status & 15) * 128 + first;
    if (kind === 0x90 && second > 0) {
      const note = { on: time, off: at, pitch: first, velocity: second };
      end(down, key, time);
      down.set(key, note); notes.push(note);
    } else if (kind === 0x80 || kind === 0x90) end(down, key, time);
    else if (kind === 0xb0 && first === PEDAL) {
      if (second >= 64 && foot === null) foot = time;
      if (second < 64 && foot !== null) { pedal.push([foot, time]); foot = null; }
    } else if (kind === 0xb0 && first === NOTES_OFF) for (const lost of [...down.keys()]) end(down, lost, time);
  }
  for (const note of down.values()) note.off = Math.min(at, note.on + LONGEST_S);
  if (foot !== null) pedal.push([foot, at]);
  return { notes, pedal };
}

function end(down, key, time) {
  if (down.has(key)) { down.get(key).off = time; down.delete(key); }
}

function tintAt(time) { // the emotion that was played then
  const rows = story.trail;
  if (!rows.length) return colour.ink;
  let at = rows.length - 1 - Math.floor((rows[rows.length - 1][0] - time) / SAMPLES_A_TINT);
  at = Math.max(0, Math.min(rows.length - 1, at));
  const right = (1 + rows[at][3]) / 2, up = (1 + rows[at][4]) / 2;
  return blend([right * up, (1 - right) * up, (1 - right) * (1 - up), right * (1 - up)]);
}

function grid(c, width, height, low, high, y, tall) {
  c.fillStyle = colour.soft; type(c, 11); c.textAlign = "left"; c.textBaseline = "middle";
  for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
    c.fillStyle = colour.line; c.fillRect(LABELS, y(pitch) + tall, width - LABELS, 1);
    c.fillStyle = colour.soft; c.globalAlpha = 0.75; c.fillText(`C${pitch / 12 - 1}`, 2, Math.max(6, y(pitch) + tall / 2));
    c.globalAlpha = 1;
  }
}

function block(c, left, top, wide, tall) {
  c.beginPath(); c.roundRect(left, top, Math.max(wide - 1, 2), tall, Math.min(2.5, tall / 2));
}
