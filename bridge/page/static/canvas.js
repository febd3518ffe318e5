// What all drawings share: sharp canvases, the colours of the four emotions, type.

const style = getComputedStyle(document.documentElement);
export const colour = Object.fromEntries(["ink", "soft", "line", "panel", "q1", "q2", "q3", "q4", "alarm", "warn"]
  .map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
export const QUADRANTS = [ // name, mood, side of valence and of arousal, colour
  ["Q1", "excited", 1, 1, colour.q1], ["Q2", "tense", -1, 1, colour.q2],
  ["Q3", "sad", -1, -1, colour.q3], ["Q4", "calm", 1, -1, colour.q4],
];
const FONT = style.fontFamily;

export function type(pen, size, weight = 400) { pen.font = `${weight} ${size}px ${FONT}`; }

export function pen(id) { // a cleared context in CSS pixels, its width and height
  const canvas = document.getElementById(id);
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

export function blend(p) { // one colour for a mixture of the four emotions
  const sum = [0, 0, 0];
  QUADRANTS.forEach(([, , , , hex], n) => {
    for (let c = 0; c < 3; c += 1) sum[c] += p[n] * parseInt(hex.slice(1 + 2 * c, 3 + 2 * c), 16);
  });
  return `rgb(${sum.map(Math.round).join(",")})`;
}
