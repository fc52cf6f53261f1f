// Looks at the views that the test of the page has drawn, without a daemon: served from files, under the same policy.

import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { finish, inspect, launch, open, picture, SIZES, THEMES } from "./browser.mjs";

const { DRAWN, ASSETS, ONLY = "" } = process.env;
const POLICY = readFileSync(join(DRAWN, "content-policy"), "utf8");
const TYPES = { css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml", html: "text/html; charset=utf-8" };

function serve(request, response) {
  const path = new URL(request.url, "http://localhost").pathname;
  if (path === "/live") {
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
    const { context, page, told } = await open(browser, theme, size);
    for (const fleet of readdirSync(DRAWN, { withFileTypes: true }).filter((it) => it.isDirectory())) {
      // One of each view is enough, of the fleets in which they differ only in names.
      const seen = {};
      for (const file of readdirSync(join(DRAWN, fleet.name)).sort()) {
        const view = file.replace(/^(tenants|findings)-.*/, "$1-");
        seen[view] = (seen[view] ?? 0) + 1;
        if (3 < seen[view] || !`${fleet.name}/${file}`.includes(ONLY)) continue;
        told.where = `${theme} ${size}`;
        await page.goto(`${base}/${fleet.name}/${file}`);
        await inspect(page, `${theme} ${size} ${fleet.name}/${file}`);
        if (seen[view] === 1) await picture(page, `${fleet.name}-${file.replace(/(-[0-9a-f]{64})?\.html$/, "")}-${size}-${theme}`);
        looks += 1;
      }
    }
    await context.close();
  }
}
await browser.close();
server.closeAllConnections();
server.close();
finish(looks);
