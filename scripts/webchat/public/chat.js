// webchat in a browser. What others have sent is only ever shown as text: nothing here makes HTML of it.
"use strict";

const $ = (id) => document.getElementById(id);
const SHOWN_MAX = 500; // messages that are kept on the page
const WAIT_MAX_S = 30; // between two attempts to connect
const ROOMS_EVERY_MS = 20000;

const me = { name: remembered("name"), room: location.hash.slice(1) || "lobby" };
const people = new Set();
let socket = null;
let attempts = 0; // since it was connected last
let retry_at = 0, ticking = null;
let greeted = ""; // the room that the person was told to be in, while connected
let last = {}; // who has said the last thing that is shown, and when

function remembered(key) {
  try { return sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? ""; } catch { return ""; }
}

// The tab has its own; the next tab begins with the latest.
function remember(key, value) {
  try { sessionStorage.setItem(key, value); localStorage.setItem(key, value); } catch { /* private mode */ }
}

// ---- what is shown ----

function element(tag, words, className) {
  const made = document.createElement(tag);
  if (words !== undefined) made.textContent = words;
  if (className) made.className = className;
  return made;
}

function hue(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 137 + letter.codePointAt(0) * 47) % 360;
  return sum;
}

function at_end() {
  const log = $("log");
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
}

function to_end() {
  $("log").scrollTop = $("log").scrollHeight;
  $("newer").hidden = true;
}

function show(line) {
  const stays = at_end();
  $("log").append(line);
  while ($("log").children.length > SHOWN_MAX) $("log").firstChild.remove();
  if (stays) to_end();
  else if (line.classList.contains("said")) $("newer").hidden = false;
}

function news(words, divider) {
  last = {};
  show(element("div", words, divider ? "news divider" : "news"));
}

function said(name, words) {
  const now = new Date();
  const line = element("div", undefined, "said");
  const who = element("b", name);
  who.style.color = `hsl(${hue(name)} 60% var(--name-light))`;
  const time = element("time", now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = now.toISOString();
  line.append(who, time, element("span", words));
  if (name === me.name) line.classList.add("mine");
  if (last.name === name && now - last.at < 120000) line.classList.add("again");
  last = { name, at: now };
  show(line);
}

function show_people(count) {
  const shown = [...people].sort((a, b) => a.localeCompare(b)).map((name) => {
    const line = element("li", name);
    if (name === me.name) line.append(element("small", "you"));
    return line;
  });
  $("people").replaceChildren(...shown);
  const all = Math.max(count ?? 0, people.size);
  $("people-count").textContent = $("toggle-count").textContent = all;
  const here = document.querySelector("#rooms [aria-current] span:last-child");
  if (here !== null && all > 0) here.textContent = all;
}

function show_rooms(rooms) {
  const entries = rooms.map((entry) => entry.split(" "));
  if (!entries.some(([name]) => name === me.room)) entries.unshift([me.room, people.size]);
  $("rooms").replaceChildren(...entries.map(([name, count]) => {
    const button = element("button");
    button.type = "button";
    button.append(element("span", name), element("span", count));
    if (name === me.room) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => go(name));
    const line = element("li");
    line.append(button);
    return line;
  }));
}

function show_state(state, words, countdown = "") {
  $("state").dataset.state = state;
  if ($("state-words").textContent !== words) $("state-words").textContent = words;
  $("countdown").textContent = countdown;
  $("send").disabled = state !== "connected";
  $("retry").hidden = state !== "waiting" && state !== "left";
}

// ---- what the server tells ----

const heard = {
  room({ room, name, people: all, count }) {
    const moved = room !== greeted;
    greeted = room;
    me.room = room;
    me.name = name;
    people.clear();
    for (const one of all) people.add(one);
    $("room").textContent = room;
    if (document.activeElement !== $("name")) $("name").value = name;
    document.title = `${room} · webchat`;
    if (location.hash.slice(1) !== room) history.replaceState(null, "", "#" + room);
    show_people(count);
    if (moved) news(`You are ${name} in ${room}`, true);
    send("/rooms");
  },
  said({ name, text }) { said(name, text); },
  joined({ name }) {
    people.add(name);
    show_people();
    news(`${name} is here`);
  },
  left({ name }) {
    if (!people.delete(name)) return;
    show_people();
    news(`${name} left`);
  },
  renamed({ name, to }) {
    people.delete(name);
    people.add(to);
    if (name === me.name) {
      me.name = to;
      remember("name", to);
      $("name").value = to;
    }
    show_people();
    news(`${name} is now ${to}`);
  },
  rooms({ rooms }) { show_rooms(rooms); },
  note({ text }) { news(text); },
};

function hear(data) {
  let event;
  try { event = JSON.parse(data); } catch { return; }
  if (event !== null && Object.hasOwn(heard, event.kind)) heard[event.kind](event);
}

// ---- the connection ----

function address() {
  const query = new URLSearchParams({ room: me.room });
  if (me.name) query.set("name", me.name);
  const from = location.protocol === "file:" ? "ws://127.0.0.1:7000" // the page itself, opened as a file
    : `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
  return `${from}/chat?${query}`;
}

function connect() {
  clearInterval(ticking);
  show_state("connecting", "connecting");
  const mine = socket = new WebSocket(address());
  mine.addEventListener("open", () => {
    attempts = 0;
    show_state("connected", "connected");
  });
  mine.addEventListener("message", ({ data }) => { if (mine === socket) hear(data); });
  mine.addEventListener("close", ({ code, reason }) => { if (mine === socket) closed(code, reason); });
}

function closed(code, reason) {
  const was_there = $("state").dataset.state === "connected";
  socket = null;
  people.clear();
  show_people();
  if (code === 1000 && reason === "quit") {
    show_state("left", "you left");
    greeted = "";
    $("retry").focus();
    return;
  }
  if (was_there) news(code === 1008 ? "Disconnected: you sent too much" : "The connection was lost", true);
  greeted = "";
  const wait_s = code === 1008 ? WAIT_MAX_S : Math.min(WAIT_MAX_S, 2 ** attempts++) * (0.75 + Math.random() / 2);
  retry_at = Date.now() + wait_s * 1000;
  clearInterval(ticking);
  ticking = setInterval(tick, 250);
  tick();
}

function tick() {
  const left_s = Math.ceil((retry_at - Date.now()) / 1000);
  if (left_s <= 0) connect();
  else show_state("waiting", "offline", `· again in ${left_s} s`);
}

function is_open() {
  return socket !== null && socket.readyState === WebSocket.OPEN;
}

function send(words) {
  if (!is_open()) return false;
  socket.send(words);
  return true;
}

function go(room) {
  close_side();
  if (room !== me.room) send("/room " + room);
  $("words").focus();
}

function close_side() {
  $("side").classList.remove("open");
  $("toggle").setAttribute("aria-expanded", "false");
}

// ---- the person ----

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = $("words").value.trim();
  if (words === "" || !send(words)) return; // it stays until it can be sent
  $("words").value = "";
  to_end();
});

$("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (name !== "" && name !== me.name) send("/name " + name);
  close_side();
  $("words").focus();
});

$("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = $("new-room").value.trim().toLowerCase();
  $("new-room").value = "";
  if (room !== "") go(room);
});

$("toggle").addEventListener("click", () => {
  const open = $("side").classList.toggle("open");
  $("toggle").setAttribute("aria-expanded", String(open));
  if (open) $("name").focus();
});

$("retry").addEventListener("click", () => {
  attempts = 0;
  connect();
  $("words").focus();
});

$("newer").addEventListener("click", to_end);
$("log").addEventListener("scroll", () => { if (at_end()) $("newer").hidden = true; });

// "/" begins a message from anywhere; Esc closes the list of rooms and people.
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    close_side();
    $("words").focus();
    $("words").value ||= "/";
  }
  if (event.key === "Escape" && $("side").classList.contains("open")) {
    close_side();
    $("words").focus();
  }
});

addEventListener("hashchange", () => go(location.hash.slice(1) || "lobby"));
addEventListener("online", () => { if (socket === null && $("state").dataset.state === "waiting") connect(); });
setInterval(() => { if (!document.hidden) send("/rooms"); }, ROOMS_EVERY_MS);

$("words").focus();
connect();
