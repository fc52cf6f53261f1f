// Checks a new tenant as somebody types, and sends the form once.
//
// The form works without it. Invariants: one request at a time; an answer to what was typed before is not shown; the URL of
// a database that somebody brings is asked about when its field is left, because a half-typed address is somebody else's.
"use strict";

const PAUSE = 400;
const LIMIT = 20000;

const form = document.getElementById("newcomer");
const field = (name) => form.elements.namedItem(name);
const part = (id) => document.getElementById(id);
const WORDS = { passed: "Passed", against: "Against it", pending: "Not asked" };

let timer = null;
let asking = false;
let shown = "";
let url = field("database_url").value;

function labels() {
  const lines = field("labels").value.split("\n").map((it) => it.trim()).filter(Boolean);
  const pairs = lines.map((it) => [it.split("=")[0].trim(), it.slice(it.indexOf("=") + 1).trim()]);
  return Object.fromEntries(pairs);
}

// What would be asked for now. A name that nobody has typed yet is no fault.
function wanted() {
  const subdomain = field("subdomain").value.trim();
  if (!subdomain) return "";
  const request = { subdomain, name: field("name").value.trim() || subdomain, labels: labels() };
  const environment = field("environment").value.trim();
  if (environment) request.environment = environment;
  if (url) request.database_url = url;
  return JSON.stringify(request);
}

function say(text) {
  part("preflight").hidden = !text;
  if (part("preflight-summary").textContent !== text) part("preflight-summary").textContent = text;
}

function mark(row, state, detail) {
  const sign = row.querySelector(".mark");
  sign.className = `mark m-${state}`;
  sign.querySelector("use").setAttribute("href", `#i-${state}`);
  sign.querySelector("[data-word]").textContent = WORDS[state];
  row.querySelector("[data-detail]").textContent = detail;
}

function faults(checks) {
  for (const name of ["subdomain", "database_url"]) {
    const about = (it) => document.querySelector(`[data-check="${CSS.escape(it.name)}"]`)?.dataset.field === name;
    // Several checks may say the same of it.
    const text = [...new Set(checks.filter((it) => !it.ok && about(it)).map((it) => it.detail))].join("; ");
    part(`${name}-problem`).textContent = text;
    if (text) field(name).setAttribute("aria-invalid", "true");
    else field(name).removeAttribute("aria-invalid");
  }
}

function show({ checks }) {
  for (const row of document.querySelectorAll("[data-check]")) {
    const check = checks.find((it) => it.name === row.dataset.check);
    row.hidden = !check;
    if (check) mark(row, check.ok ? "passed" : "against", check.detail);
  }
  faults(checks);
  const failed = checks.filter((it) => !it.ok);
  const names = failed.map((it) => document.querySelector(`[data-check="${CSS.escape(it.name)}"] .what`)?.textContent ?? it.name);
  say(failed.length === 0
    ? `All ${checks.length} checks passed.`
    : `${failed.length} of ${checks.length} checks stand against it: ${names.join("; ")}.`);
}

async function answer(request) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": field("csrf").value };
  const options = { method: "POST", headers, body: request, credentials: "same-origin", signal: AbortSignal.timeout(LIMIT) };
  const told = await fetch(form.dataset.validate, options);
  if (told.ok) return told.json();
  throw new Error(told.status === 401 || told.status === 403 ? "your session is over: load the page anew" : `the server says ${told.status}`);
}

async function ask() {
  const request = wanted();
  if (asking || request === shown) return;
  if (!request) {
    shown = "";
    faults([]);
    say("");
    return;
  }
  asking = true;
  say("Checking…");
  let result = null;
  try {
    result = { told: await answer(request) };
  } catch (error) {
    result = { problem: error.name === "Error" ? error.message : "there was no answer" };
  }
  asking = false;
  if (request !== wanted()) {
    soon();
    return;
  }
  shown = request;
  if (result.told) show(result.told);
  else say(`It could not be checked: ${result.problem}. It is checked again when it is sent.`);
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

form.addEventListener("input", (event) => { if (event.target !== field("database_url")) soon(); });
field("database_url").addEventListener("change", () => {
  url = field("database_url").value.trim();
  soon();
});
// A second click sends nothing: the first one is on its way.
form.addEventListener("submit", () => {
  clearTimeout(timer);
  part("create").disabled = true;
  part("create").textContent = "On its way…";
});
if (wanted() && part("preflight").hidden) soon();
