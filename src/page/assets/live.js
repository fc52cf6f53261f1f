// Keeps an open page true: progress of the running scan, a new drawing when something changed, ages that grow.
//
// The page works without it. It writes text and takes over elements that this server drew; it never makes markup of data.
"use strict";

const byId = (id) => document.getElementById(id);

// The manual theme.

const THEMES = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

function theme() {
  const button = byId("theme");
  if (!button) return;
  const names = Object.keys(THEMES);
  const current = () => document.documentElement.dataset.theme ?? "system";
  const show = () => { button.textContent = THEMES[current()] ?? THEMES.system; };
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(current()) + 1) % names.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // Not remembered, then.
    }
    show();
  });
}

// Ages.

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function relative(iso) {
  const seconds = Math.round((Date.now() - Date.parse(iso)) / 1000);
  const span = Math.abs(seconds);
  if (span < 5) return "just now";
  const [unit, size] = UNITS.find(([, size]) => size <= span);
  const count = Math.floor(span / size);
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function ages() {
  for (const it of document.querySelectorAll("time[data-relative]")) it.textContent = relative(it.dateTime);
}

// Progress.

let stage = null;

function announce(text) {
  byId("announce").textContent = text;
}

function progress(running) {
  byId("progress").hidden = !running;
  if (running) {
    byId("progress-text").textContent = running.text;
    const bar = byId("progress-bar");
    if (running.total) {
      bar.max = running.total;
      bar.value = running.done;
    } else {
      bar.removeAttribute("value");
    }
    // Once for each stage: a voice that counts to ten thousand helps nobody.
    if (running.stage !== stage) announce(running.text);
  } else if (stage) {
    announce("The scan has ended.");
  }
  stage = running ? running.stage : null;
}

// A new drawing.

let drawing = false;
let late = false;

// What is filled in from its beginning to its end, or was refused, stays as it is: its address may not even draw it.
function stays() {
  return document.querySelector("main [data-stays], main [role=alert]") !== null;
}

// Nobody's half-written reason is thrown away.
function writing() {
  const field = document.activeElement;
  const inMain = field && byId("main").contains(field) && field.matches("input, select, textarea");
  const changed = [...document.querySelectorAll("main textarea")].some((it) => it.value !== it.defaultValue);
  return inMain || changed;
}

async function draw(version) {
  if (stays()) return;
  if (drawing) {
    late = true;
    return;
  }
  if (writing()) {
    announce("A newer state is there. Reload to see it.");
    return;
  }
  drawing = true;
  try {
    const address = location.pathname + location.search;
    const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) {
      location.reload();
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (writing()) return;
    take(fresh);
    document.body.dataset.version = fresh.body.dataset.version ?? version;
  } catch {
    // The stream notices that the server is gone, and says so.
  } finally {
    drawing = false;
    if (late) {
      late = false;
      draw(version);
    }
  }
}

function take(fresh) {
  const kept = document.activeElement?.closest?.("main [id]")?.id;
  const said = byId("sentence")?.textContent;
  const open = [...document.querySelectorAll("details")].map((it) => it.open);
  const focused = document.activeElement?.getAttribute?.("href");
  const notice = byId("main").querySelector(".notice");
  for (const id of ["state", "main"]) {
    const [old, next] = [byId(id), fresh.getElementById(id)];
    if (old && next) old.replaceWith(document.adoptNode(next));
  }
  // What was just done is said for a moment longer.
  if (notice && performance.now() < 8000) byId("main").prepend(notice);
  document.title = fresh.title;
  [...document.querySelectorAll("details")].forEach((it, place) => { it.open = open[place] ?? false; });
  if (focused) document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  else if (kept) byId(kept)?.focus({ preventScroll: true });
  const sentence = byId("sentence")?.textContent;
  if (sentence && sentence !== said) announce(sentence);
  follow();
  ages();
}

// An operation, as it moves.

let followed = null;

function follow() {
  const path = document.querySelector("[data-follow]")?.dataset.follow ?? null;
  if (followed && followed.path !== path) {
    followed.source.close();
    followed = null;
  }
  if (!path || followed || !("EventSource" in window)) return;
  const source = new EventSource(path);
  followed = { path, source };
  let last = null;
  source.addEventListener("message", (event) => {
    if (event.data === last) return;
    // What was drawn is older than the first event, or as old.
    last = event.data;
    const told = JSON.parse(event.data);
    if (told.state !== "running") source.close();
    draw(document.body.dataset.version);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

function listen() {
  const path = document.body.dataset.live;
  if (!path || !("EventSource" in window)) return;
  const source = new EventSource(path);
  // A stream ends now and then by itself, and the browser asks again: only what lasts is worth a word.
  let silence = null;
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    clearTimeout(silence);
    silence = null;
    byId("lost").hidden = true;
    progress(told.running);
    if (told.version !== document.body.dataset.version) draw(told.version);
  });
  source.addEventListener("error", () => { silence ??= setTimeout(() => { byId("lost").hidden = false; }, 10000); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// The address keeps no trace of what was done, so that nothing is said twice.
function forget() {
  const address = new URL(location.href);
  if (!address.searchParams.has("notice")) return;
  address.searchParams.delete("notice");
  history.replaceState(history.state, "", address);
}

forget();
theme();
listen();
follow();
setInterval(ages, 15000);
