// The line to the server: what it tells, kept as far back as it is drawn; what a hand says, sent.

const AGAIN_MS = 500;
const ANSWER_MS = 500; // so long a hand's word is shown before the desk's own, if they differ
const SPOKEN = { 4403: "This address lacks the token: open the whole link that the program printed.",
  4429: "Too many pages are open; close one." };

export const story = { facts: null, state: null, desk: null, signal: null, grades: [], votes: null,
  trail: [], messages: [], samples: [], ahead: [] };
export const link = { open: false, why: "" };

const ROWS = { trail: "trail_s", messages: "roll_s", samples: "scope_s" };
let socket = null;
let lag = Infinity; // least difference seen between the two clocks, so the truest
let heard = () => {};
const asked = new Map(); // what a hand has set and no frame shows yet: {value, until}

export function now() { // seconds on the clock that all stamps are of
  return performance.now() / 1000 - (Number.isFinite(lag) ? lag : 0);
}

export function connect(onFrame) {
  heard = onFrame;
  const token = location.hash.slice(1);
  socket = new WebSocket(`ws://${location.host}/live?token=${encodeURIComponent(token)}`);
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = (event) => {
    link.open = false;
    link.why = SPOKEN[event.code] || "";
    heard({});
    if (event.code !== 4403) setTimeout(() => connect(onFrame), AGAIN_MS);
  };
}

export function turn(name, value) {
  asked.set(name, { value, until: performance.now() + ANSWER_MS });
  say({ turn: name, to: value });
}
export function press(name) { say({ press: name }); }

function say(command) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
}

function take(frame) {
  if (frame.facts) { // a new conversation: it is told from the beginning
    for (const name of Object.keys(ROWS)) story[name] = [];
    story.facts = frame.facts;
    story.signal = story.votes = null;
    story.grades = [];
    lag = Infinity;
  }
  link.open = true;
  link.why = "";
  lag = Math.min(lag + 1e-5, performance.now() / 1000 - frame.now);
  for (const [name, length] of Object.entries(ROWS)) {
    const row = story[name];
    row.push(...frame[name]);
    const old = frame.now - story.facts[length];
    let stale = 0;
    while (stale < row.length && row[stale][0] < old) stale += 1;
    row.splice(0, stale);
  }
  for (const name of ["signal", "grades", "votes", "ahead"]) {
    if (name in frame) story[name] = frame[name];
  }
  story.state = frame.state;
  for (const [name, { value, until }] of asked) { // a frame on its way was sent before it
    if (frame.desk[name] === value || performance.now() > until) asked.delete(name);
    else frame.desk[name] = value;
  }
  story.desk = frame.desk;
  heard(frame);
}
