// Looks at the views that the test of the page has drawn, without a daemon: served from files, under the same policy.

import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { finish, inspect, launch, open, picture, SIZES, THEMES } from "./browser.mjs";

const { DRAWN, ASSETS, ONLY = "" } = process.env;

// Which views are looked at in which fleet: one tenant and one finding say as much as all.
const VIEWS = {
  demo: ["index", "running", "stale", "notice", "map", "findings", "finding", "tenant-hooli", "tenant-wonka", "login", "api", "nothing",
    "operations", "operations-new", "operations-refused", "operations-running", "operations-undoing", "operations-rolled-back", "operations-stuck", "operations-leaving"],
  everything: ["index", "map", "findings", "finding", "tenant-ill-query-failed"],
  hostile: ["index", "map", "findings", "finding", "tenant-acme", "operations", "operations-refused", "operations-stuck", "operations-settled"],
  large: ["index", "map", "findings", "finding"],
  clean: ["index", "map", "findings"],
  empty: ["index"],
  none: ["index", "map", "findings"],
};

function file(fleet, view) {
  if (view.startsWith("operations")) return `${view}.html`;
  if (view !== "finding") return `${view.replace(/^tenant-/, "tenants-")}.html`;
  const findings = readdirSync(join(DRAWN, fleet)).sort().filter((it) => it.startsWith("findings-"));
  const says = (it) => readFileSync(join(DRAWN, fleet, it), "utf8").includes("read and write the same database");
  return findings.find(says) ?? findings[0];
}

const looked = Object.entries(VIEWS)
  .flatMap(([fleet, views]) => views.map((view) => ({ fleet, view, file: file(fleet, view) })))
  .filter(({ fleet, view }) => `${fleet}/${view}`.includes(ONLY));

const POLICY = readFileSync(join(DRAWN, "content-policy"), "utf8");
const TYPES = { css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml", html: "text/html; charset=utf-8" };

function serve(request, response) {
  const path = new URL(request.url, "http://localhost").pathname;
  if (path === "/live" || path.startsWith("/api/v1/operations/")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    return;
  }
  // An asset's digest stands between its name and its kind.
  const [, stem, kind] = /^\/assets\/(\w+)\.[0-9a-f]+\.(\w+)$/.exec(path) ?? [];
  const file = stem ? join(ASSETS, `${stem}.${kind}`) : join(DRAWN, path.slice(1));
  try {
    const body = readFileSync(file);
    response.writeHead(200, { "Content-Type": TYPES[file.split(".").at(-1)], "Content-Security-Policy": POLICY });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

const server = createServer(serve).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await launch();
let looks = 0;
for (const theme of THEMES) {
  for (const size of Object.keys(SIZES)) {
    const { context, page } = await open(browser, theme, size);
    for (const { fleet, file, view } of looked) {
      const where = `${fleet}/${view}`;
      await page.goto(`${base}/${fleet}/${file}`);
      await inspect(page, `${theme} ${size} ${where}`);
      await picture(page, `${fleet}-${view}-${size}-${theme}`);
      looks += 1;
    }
    await context.close();
  }
}
// Those of the README: what fits into a window. `ONLY=readme` draws nothing else.
if (!ONLY || ONLY === "readme") {
  const views = [["overview", "running", "light", "desk"], ["map", "map", "light", "desk"], ["finding", "finding", "dark", "desk"], ["telephone", "index", "dark", "telephone"], ["operation", "operations-undoing", "light", "desk"]];
  for (const [name, view, theme, size] of views) {
    const { context, page } = await open(browser, theme, size);
    await page.goto(`${base}/demo/${file("demo", view)}`);
    await picture(page, `readme-${name}`, false);
    await context.close();
  }
}
await browser.close();
server.closeAllConnections();
server.close();
finish(looks);
