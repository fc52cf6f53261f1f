// Takes a picture of each dashboard: picture.mjs DATA PICTURES. Fails on an error of the page, a panel without data and a
// panel that nothing draws.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import puppeteer from "puppeteer-core";

const [data, pictures] = process.argv.slice(2);
const KINDS = { ".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml" };

// Grafana's components fetch their icons from where Grafana would serve them.
function file(url) {
  const icons = "/public/build/";
  if (url.startsWith(icons)) return path.join("node_modules/@grafana/ui/dist/public", url.slice(icons.length));
  return path.join("dist", url === "/" ? "index.html" : url);
}

const server = http.createServer((request, response) => {
  const wanted = file(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  if (!fs.existsSync(wanted)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": KINDS[path.extname(wanted)] ?? "application/octet-stream" });
  response.end(fs.readFileSync(wanted));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"] });
let failed = false;
for (const name of ["fleet", "tenant", "daemon"]) {
  const page = await browser.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.setViewport({ width: 1400, height: 900 });
  await page.evaluateOnNewDocument((drawn) => (window.drawn = drawn), JSON.parse(fs.readFileSync(path.join(data, `${name}.json`), "utf8")));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction("window.done", { timeout: 120000 });
  faults.push(...new Set(await page.evaluate(() => window.faults)));
  const panels = await page.$$eval("#dashboard > div", (all) => all.length);
  await (await page.$("#dashboard")).screenshot({ path: path.join(pictures, `${name}.png`) });
  console.log(`${name}: ${panels} panels and rows, ${faults.length ? faults.join("\n  ") : "no fault"}`);
  failed ||= faults.length > 0;
  await page.close();
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
