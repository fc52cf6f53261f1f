// Makes tenants by the page's form, on a daemon of its own with a cluster for each: pre-flight as one types, the steps live, a
// setup that fails and its rollback as it happens, and the same without a script.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finish, inspect, launch, open, picture, problem } from "./browser.mjs";

const PATIENCE = 60_000;
const TOKEN = randomBytes(16).toString("hex");
const OPERATOR = randomBytes(16).toString("hex");
const digest = (token) => createHash("sha256").update(token).digest("hex");
let looks = 0;

function check(holds, what) {
  if (!holds) problem("provisioned", what);
}

// The setup stays until the test has looked, and fails for one of the tenants.
const SETUP = `#!/bin/sh
touch "HOME/began-$TENANT_SUBDOMAIN"
for look in $(seq 600); do [ -e "HOME/go-$TENANT_SUBDOMAIN" ] && break; sleep 0.05; done
case "$TENANT_SUBDOMAIN" in unlucky*) echo "no such table: <b>seats</b>"; exit 7;; esac
`;

function configure(home) {
  const setup = join(home, "setup");
  writeFileSync(setup, SETUP.replaceAll("HOME", home));
  chmodSync(setup, 0o755);
  writeFileSync(join(home, "watertight.toml"), `
store.url = "sqlite:${home}/watertight.db"
schedule.scan = "0 0 0 1 1 *"
[http]
listen = "127.0.0.1:0"
[provision]
provider = "local"
ready_timeout = "60s"
setup_command = ["${setup}"]
[provision.local]
directory = "${home}/clusters"
[[http.tokens]]
name = "kim"
role = "provisioner"
sha256 = "${digest(TOKEN)}"
[[http.tokens]]
name = "sam"
role = "operator"
sha256 = "${digest(OPERATOR)}"
`);
}

// A daemon that listens, and how it is ended.
function serve(home) {
  configure(home);
  const child = spawn(process.env.WATERTIGHT, ["--config", join(home, "watertight.toml"), "serve"], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  const ended = new Promise((done) => child.once("exit", done));
  const listens = new Promise((done, lost) => {
    child.stderr.on("data", (it) => {
      log += it;
      const [, port] = /watertight listens on [^\n]*?:(\d+)/.exec(log) ?? [];
      if (port) done(`http://127.0.0.1:${port}`);
    });
    ended.then(() => lost(new Error(`the daemon ended: ${log}`)));
  });
  const end = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(late);
  };
  return { listens, end, log: () => log };
}

const projects = (home) => readdirSync(join(home, "clusters")).filter((it) => /^[0-9a-f]{20}$/.test(it)).length;

async function login(page, base) {
  await page.goto(`${base}/operations/new`);
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { level: 1, name: "New tenant" }).waitFor({ timeout: PATIENCE });
}

async function summary(page, text) {
  const told = page.locator("#preflight-summary");
  await told.filter({ hasText: text }).waitFor({ timeout: PATIENCE })
    .catch(async () => { throw new Error(`no ${text}: ${await told.textContent()} ${await page.locator(".checks").textContent()}`.replaceAll(/\s+/g, " ")); });
}

// Red and green as one types, one request at a time, and an answer to older input is not shown.
async function preflight(page) {
  let [now, most, asked] = [0, 0, 0];
  page.on("request", (it) => { if (it.url().endsWith("/validate")) { asked += 1; most = Math.max(most, now += 1); } });
  page.on("requestfinished", (it) => { if (it.url().endsWith("/validate")) now -= 1; });
  const subdomain = page.getByLabel("Subdomain");
  await subdomain.pressSequentially("elbe_", { delay: 120 });
  await summary(page, /1 of 10 checks stand against it: Subdomain and name/);
  check(await subdomain.getAttribute("aria-invalid") === "true", "the field is not said to be wrong");
  check((await page.locator("#subdomain-problem").textContent()).includes("other characters"), "the field does not say what is wrong");
  check(await page.evaluate(() => document.querySelector('[data-check="subdomain_valid"] .mark').classList.contains("m-against")), "the check is not red");
  await inspect(page, "preflight red");
  await picture(page, "provisioned-red");
  await subdomain.fill("");
  await subdomain.pressSequentially("elbe", { delay: 60 });
  await summary(page, "All 10 checks passed.");
  check(await subdomain.getAttribute("aria-invalid") === null, "a mended field is still wrong");
  check(await page.locator("#subdomain-problem").textContent() === "", "a mended field still says what was wrong");
  check(most === 1, `${most} requests at once`);
  check(asked < 9, `${asked} requests for nine keys`);
  await inspect(page, "preflight green");
  await picture(page, "provisioned-green");
  looks += 2;
}

async function stale(page) {
  // The answer to what was typed first comes late, and says nothing any more.
  let held = null;
  await page.route("**/validate", async (route) => {
    if (held === null) {
      held = new Promise((done) => setTimeout(done, 1_200));
      await held;
    }
    await route.continue();
  });
  const subdomain = page.getByLabel("Subdomain");
  await subdomain.fill("www");
  await page.waitForTimeout(700);
  await subdomain.fill("elbe-2");
  const seen = [];
  await page.exposeFunction("told", (it) => seen.push(it));
  await page.evaluate(() => new MutationObserver(() => globalThis.told(document.getElementById("preflight-summary").textContent))
    .observe(document.getElementById("preflight-summary"), { childList: true, characterData: true, subtree: true }));
  await page.waitForTimeout(400);
  await summary(page, "All 10 checks passed.");
  check(!seen.some((it) => it.includes("stand against it")), `an old answer was shown: ${seen}`);
  await page.unroute("**/validate");
}

// The URL of a database that somebody brings is asked about when it is whole, is not shown again and is in no log.
async function brought(page, base, daemon, told) {
  await page.goto(`${base}/operations/new`);
  await page.getByLabel("Subdomain").fill("oder");
  await page.getByLabel("Name", { exact: true }).fill("Oder");
  await summary(page, "All 10 checks passed.");
  let asked = 0;
  page.on("request", (it) => { asked += Number(it.url().endsWith("/validate")); });
  await page.getByText("Use a database that is there already").click();
  const url = page.getByLabel("Its URL");
  await url.pressSequentially("postgres://app:hunter2-of-a-test@127.0.0.1:1/oder", { delay: 5 });
  await page.waitForTimeout(700);
  check(asked === 0, "a half-typed URL was asked about");
  await url.press("Tab");
  await summary(page, /3 of 9 checks stand against it: Your database answers/);
  check(await url.getAttribute("aria-invalid") === "true", "the URL is not said to lead nowhere");
  told.expected = ["422"];
  await page.getByRole("button", { name: "Create the tenant" }).click();
  await page.getByRole("alert").waitFor({ timeout: PATIENCE });
  told.expected = [];
  check(!(await page.content()).includes("hunter2"), "the URL is shown again");
  check(await page.getByLabel("Subdomain").inputValue() === "oder", "what was typed is lost");
  check(!daemon.log().includes("hunter2"), "the URL is in the log");
  await inspect(page, "brought");
  looks += 1;
}

// Sends the form and follows the operation to that state, without loading the page anew.
async function make(page, home, subdomain, state) {
  await page.getByLabel("Subdomain").fill(subdomain);
  await page.getByLabel("Name", { exact: true }).fill(`The ${subdomain} orchestra`);
  await page.getByLabel("Labels").fill("tier=gold");
  await summary(page, "All 10 checks passed.");
  await page.getByRole("button", { name: "Create the tenant" }).dblclick();
  await page.waitForURL((it) => /^\/operations\/[0-9a-f]{32}$/.test(it.pathname), { timeout: PATIENCE });
  await page.evaluate(() => { globalThis.drawn = "once"; });
  await page.locator("#steps ~ * .s-running").filter({ hasText: "Set it up" }).waitFor({ timeout: PATIENCE });
  check(await page.getByRole("button", { name: "Cancel and undo" }).count() === 1, "it cannot be cancelled while it can be turned back");
  await inspect(page, `${subdomain} running`);
  await picture(page, `provisioned-${subdomain}-running`);
  // What is shown from now on is gathered: nothing may be missed between two looks.
  await page.evaluate(() => {
    globalThis.told = new Set();
    const look = () => document.querySelectorAll("section").forEach((part) => {
      for (const row of part.querySelectorAll("tbody tr")) globalThis.told.add(`${part.querySelector("h2").id} ${row.className}`);
    });
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    look();
  });
  writeFileSync(join(home, `go-${subdomain}`), "");
  await page.locator("header.head .mark").filter({ hasText: state }).waitFor({ timeout: PATIENCE });
  check(await page.evaluate(() => globalThis.drawn) === "once", "the page was loaded anew");
  check(await page.getByRole("button", { name: "Cancel and undo" }).count() === 0, "it can still be cancelled");
  await inspect(page, `${subdomain} ${state}`);
  await picture(page, `provisioned-${subdomain}`);
  looks += 2;
  return page.evaluate(() => [...globalThis.told]);
}

// A tenant is made beside others only when a fresh scan has seen them apart.
async function scan(base) {
  const headers = { Authorization: `Bearer ${OPERATOR}`, "Content-Type": "application/json" };
  const answer = await fetch(`${base}/api/v1/scans?wait=true`, { method: "POST", headers, body: "{}" });
  check(answer.ok, `the scan answers ${answer.status}`);
}

async function rollback(page, home, base) {
  await scan(base);
  await page.goto(`${base}/operations/new`);
  const told = await make(page, home, "unlucky", "Rolled back");
  check(told.includes("undone s-undoing") || told.includes("undone s-pending"), `the rollback was not seen as it happened: ${told}`);
  const steps = await page.locator("#undone ~ * tbody tr").allTextContents();
  check(steps.length === 8 && steps[0].includes("setup") && steps[7].includes("reserve"), `undone is ${steps}`);
  check(steps.every((it) => it.includes("Undone")), `undone is ${steps}`);
  check((await page.locator("#steps ~ * .s-failed").textContent()).includes("no such table: <b>seats</b>"), "what the setup printed is not told");
  check(projects(home) === 1, "a project is left of what was rolled back");
}

async function withoutScripts(browser, home, base) {
  const { context, page, told } = await open(browser, "light", "telephone", { javaScriptEnabled: false });
  await login(page, base);
  told.expected = ["422"];
  const fill = async (subdomain) => {
    await page.getByLabel("Subdomain").fill(subdomain);
    await page.getByLabel("Name", { exact: true }).fill("Isar");
    await page.getByLabel("Labels").fill("tier=gold");
    await page.getByRole("button", { name: "Create the tenant" }).click();
  };
  await fill("elbe");
  await page.getByRole("alert").waitFor({ timeout: PATIENCE });
  check(await page.getByLabel("Labels").inputValue() === "tier=gold", "what was typed is lost");
  check(0 < await page.locator(".checks .m-against").count(), "what stands against it is not told");
  await picture(page, "provisioned-without-scripts");
  told.expected = [];
  writeFileSync(join(home, "go-isar"), "");
  await fill("isar");
  await page.waitForURL((it) => /^\/operations\/[0-9a-f]{32}$/.test(it.pathname), { timeout: PATIENCE });
  const late = Date.now() + PATIENCE;
  while (!(await page.locator("header.head .mark").textContent()).includes("Succeeded") && Date.now() < late) {
    await page.waitForTimeout(300);
    await page.reload();
  }
  check((await page.locator("header.head .mark").textContent()).includes("Succeeded"), "it does not succeed without scripts");
  looks += 2;
  await context.close();
}

const home = mkdtempSync(join(tmpdir(), "watertight-browser-"));
// The servers may run as another account, which must come through.
chmodSync(home, 0o755);
const daemon = serve(home);
const browser = await launch();
try {
  const base = await daemon.listens;
  const { context, page, told: troubles } = await open(browser, "light", "desk");
  await login(page, base);
  await preflight(page);
  await stale(page);
  await brought(page, base, daemon, troubles);
  await page.goto(`${base}/operations/new`);
  const told = await make(page, home, "elbe", "Succeeded");
  check(told.includes("steps s-running"), "no step was seen to run");
  check(projects(home) === 1, "a double click made more than one project");
  await rollback(page, home, base);
  await page.goto(`${base}/operations`);
  check(await page.locator("tbody tr").count() === 2, "the list tells another number of operations");
  await inspect(page, "operations");
  await context.close();
  await withoutScripts(browser, home, base);
  check(projects(home) === 2, `${projects(home)} projects for two tenants`);
} catch (error) {
  problem("provisioned", `${error.message.split("\n")[0]}\n${daemon.log().split("\n").slice(-15).join("\n")}`);
}
await browser.close();
await daemon.end();
rmSync(home, { recursive: true, force: true });
finish(looks);
