// Heads from above, the nose up. The first: electrodes and regions, and how good their signal is.
// A region is as good as its best electrode, for one is enough. One head for each band: the
// emotion that a region votes for, the stronger the further its vote is from even.

import { QUADRANTS, colour, pen, type } from "./canvas.js";
import { story } from "./link.js";
import { GRADES, mark } from "./scope.js";

const EDGE = 1.3; // radius of the head; the lowest electrodes lie below the equator
const EVEN = 250, STRONG = 120; // thousandths of a vote: says nothing; says as much as is drawn
const BARE = "#1d2128";
const GRAIN = 96; // pixels along a side of the map of regions
let runs = null; // for each region the runs of its pixels: row, start, stop

export function drawScalp() {
  const [c, width, height] = pen("scalp");
  if (!story.facts) return;
  runs ??= nearest(story.facts.sites, story.facts.regions.length);
  const bands = story.facts.bands, count = bands.length + 1;
  const columns = width > 2.1 * height ? count : 3, rows = Math.ceil(count / columns);
  const cell = Math.min(width / columns, height / rows - 34), radius = cell * 0.42;
  for (let n = 0; n < count; n += 1) {
    const cx = width * (n % columns + 0.5) / columns;
    const cy = height * Math.floor(n / columns) / rows + radius * 1.12 + 4;
    head(c, cx, cy, radius, n ? (region) => vote(region, n - 1) : quality);
    if (n === 0) electrodes(c, cx, cy, radius);
    c.textAlign = "center"; c.textBaseline = "top";
    c.fillStyle = colour.ink; type(c, 13); c.fillText(n ? bands[n - 1][0] : "electrodes", cx, cy + radius + 6);
    if (n) { c.fillStyle = colour.soft; type(c, 11); c.fillText(`${bands[n - 1][1]}–${bands[n - 1][2]} Hz`, cx, cy + radius + 22); }
  }
}

function quality(region) { // null without an electrode
  if (!story.signal) return null;
  const known = story.grades.filter((_, n) => story.signal.regions[n] === region);
  const best = ["good", "fair", "off"].find((one) => known.includes(one));
  return best ? [GRADES[best], 0.3] : null;
}

function vote(region, band) { // colour and strength of a region's vote; null without a signal
  if (!story.votes) return null;
  const shares = story.votes[region][band], best = shares.indexOf(Math.max(...shares));
  if (shares[best] === 0) return null;
  return [QUADRANTS[best][4], Math.min(1, 0.12 + 0.88 * (shares[best] - EVEN) / STRONG)];
}

function head(c, cx, cy, radius, tint) {
  const tints = story.facts.regions.map((_, region) => tint(region)), step = 2 * radius / GRAIN;
  c.strokeStyle = colour.soft; c.lineWidth = 1.5;
  c.beginPath(); c.moveTo(cx - radius * 0.16, cy - radius * 0.98); c.lineTo(cx, cy - radius * 1.12);
  c.lineTo(cx + radius * 0.16, cy - radius * 0.98); c.stroke();
  c.save(); c.beginPath(); c.arc(cx, cy, radius, 0, 7); c.fillStyle = BARE; c.fill(); c.clip();
  tints.forEach((drawn, region) => {
    if (!drawn) return;
    [c.fillStyle, c.globalAlpha] = drawn;
    c.beginPath(); // of all its runs at once, so that none is seen to overlap another
    for (const [row, start, stop] of runs[region]) {
      c.rect(cx - radius + start * step, cy - radius + row * step, (stop - start) * step + 0.3, step + 0.3);
    }
    c.fill();
  });
  c.restore();
  c.beginPath(); c.arc(cx, cy, radius, 0, 7); c.stroke();
}

function electrodes(c, cx, cy, radius) {
  if (!story.signal) return;
  const many = story.signal.channels.length, size = many > 20 ? 3.2 : 5.5;
  story.signal.places.forEach((place, n) => {
    if (place) mark(c, cx + place[0] / EDGE * radius, cy - place[1] / EDGE * radius, story.grades[n] ?? "", size);
  });
}

function nearest(sites, count) {
  const found = Array.from({ length: count }, () => []);
  for (let row = 0; row < GRAIN; row += 1) {
    let run = null, before = -1;
    for (let column = 0; column < GRAIN; column += 1) {
      const x = ((column + 0.5) / GRAIN * 2 - 1) * EDGE, y = (1 - (row + 0.5) / GRAIN * 2) * EDGE;
      let best = Infinity, region = -1;
      for (const [sx, sy, its] of sites) {
        const far = (x - sx) ** 2 + (y - sy) ** 2;
        if (far < best) { best = far; region = its; }
      }
      if (region !== before) { run = [row, column, column]; found[region].push(run); before = region; }
      run[2] = column + 1;
    }
  }
  return found;
}
