// The valence-arousal plane: the mixture as tinted quarters, the last minute as a trail, what is
// felt as a disc with the ellipse of its doubt, what is played as a ring.

import { QUADRANTS, blend, colour, pen, type } from "./canvas.js";
import { story, now } from "./link.js";

const DOUBT = 0.3; // of a standard deviation of the mixture, which spans the plane when it is even

export function drawPlane() {
  const [c, width, height] = pen("plane");
  const side = Math.min(width, height);
  c.translate((width - side) / 2, (height - side) / 2);
  const half = side / 2, reach = half * 0.93;
  const x = (valence) => half + valence * reach, y = (arousal) => half - arousal * reach;
  const state = story.state, p = state ? state.probabilities : [0.25, 0.25, 0.25, 0.25];
  quarters(c, half, p);
  c.strokeStyle = colour.line; c.lineWidth = 1;
  c.beginPath(); c.moveTo(half, 0); c.lineTo(half, side); c.moveTo(0, half); c.lineTo(side, half); c.stroke();
  if (!state || !state.capsules) return;
  trail(c, x, y);
  ellipse(c, x(state.valence), y(state.arousal), p, state, reach);
  const q = state.played;
  ring(c, x(q[0] + q[3] - q[1] - q[2]), y(q[0] + q[1] - q[2] - q[3]), q, side);
  c.fillStyle = colour.ink;
  c.beginPath(); c.arc(x(state.valence), y(state.arousal), side / 46, 0, 7); c.fill();
}

function quarters(c, half, p) {
  QUADRANTS.forEach(([name, mood, right, up, tint], n) => {
    const left = right > 0 ? half : 0, top = up > 0 ? 0 : half;
    c.globalAlpha = 0.04 + 0.62 * p[n] ** 1.5;
    c.fillStyle = tint; c.fillRect(left, top, half, half);
    c.globalAlpha = 1;
    const big = Math.max(15, half / 8), inset = half / 16;
    c.textAlign = right > 0 ? "right" : "left";
    c.textBaseline = up > 0 ? "top" : "bottom";
    const tx = right > 0 ? 2 * half - inset : inset, ty = up > 0 ? inset : 2 * half - inset;
    c.fillStyle = tint; type(c, big, 700); c.fillText(name, tx, ty);
    c.fillStyle = colour.ink; type(c, Math.max(12, big * 0.6));
    c.fillText(mood, tx, ty + up * big * 1.1);
  });
}

function trail(c, x, y) {
  const rows = story.trail, end = now(), length = story.facts.trail_s;
  for (const [v, a, width, tone] of [[3, 4, 2, colour.soft], [1, 2, 3, colour.ink]]) {
    c.strokeStyle = tone; c.lineWidth = width;
    for (let i = 1; i < rows.length; i += 1) {
      if (rows[i][0] - rows[i - 1][0] > 2) continue;
      c.globalAlpha = 0.65 * Math.max(0, 1 - (end - rows[i][0]) / length) ** 1.5;
      c.beginPath(); c.moveTo(x(rows[i - 1][v]), y(rows[i - 1][a])); c.lineTo(x(rows[i][v]), y(rows[i][a])); c.stroke();
    }
  }
  c.globalAlpha = 1;
}

function ellipse(c, cx, cy, p, state, reach) { // the mixture's covariance, both axes counted as ±1
  const vv = 1 - state.valence ** 2, aa = 1 - state.arousal ** 2;
  const va = p[0] - p[1] + p[2] - p[3] - state.valence * state.arousal;
  const mean = (vv + aa) / 2, spread = Math.hypot((vv - aa) / 2, va);
  const long = Math.sqrt(Math.max(mean + spread, 0)), short = Math.sqrt(Math.max(mean - spread, 0));
  const angle = -0.5 * Math.atan2(2 * va, vv - aa);
  c.beginPath();
  c.ellipse(cx, cy, DOUBT * long * reach, DOUBT * short * reach, angle, 0, 2 * Math.PI);
  c.fillStyle = colour.ink; c.globalAlpha = 0.1; c.fill();
  c.globalAlpha = 0.55; c.strokeStyle = colour.ink; c.lineWidth = 1.5; c.stroke();
  c.globalAlpha = 1;
}

function ring(c, cx, cy, q, side) {
  c.beginPath(); c.arc(cx, cy, side / 26, 0, 7);
  c.lineWidth = side / 80 + 3; c.strokeStyle = colour.panel; c.stroke();
  c.lineWidth = side / 80; c.strokeStyle = blend(q); c.stroke();
}
