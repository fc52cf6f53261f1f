// A browser that notices everything: errors on the console, violations of the content policy, and what axe finds.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const THEMES = ["light", "dark"];
export const SIZES = { desk: { width: 1280, height: 900 }, telephone: { width: 390, height: 844 } };

const problems = [];

export const problem = (where, what) => problems.push(`${where}: ${what}`);

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}

// A window of its own, with a page whose troubles are told under `where()`.
export async function open(browser, theme, size, more = {}) {
  const context = await browser.newContext({ colorScheme: theme, viewport: SIZES[size], ...more });
  const page = await context.newPage();
  const told = { where: `${theme} ${size}`, expected: [] };
  const tell = (what) => {
    if (!told.expected.some((it) => what.includes(it))) problem(`${told.where} ${page.url()}`, what);
  };
  page.on("console", (it) => { if (it.type() === "error" || it.type() === "warning") tell(`console: ${it.text()}`); });
  page.on("pageerror", (it) => tell(`error: ${it.message}`));
  page.on("requestfailed", (it) => {
    const reason = it.failure()?.errorText ?? "";
    // A stream that is open when one leaves is cut, as it should be.
    if (!it.url().endsWith("/live") && reason !== "net::ERR_ABORTED") tell(`not loaded: ${it.url()} ${reason}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (it) => console.error(`content policy: ${it.violatedDirective} ${it.blockedURI}`));
  });
  return { context, page, told };
}

// Everything that must hold of any view that is shown.
export async function inspect(page, where) {
  const size = page.viewportSize();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (size.width < wide) problem(where, `the page is ${wide} wide in a window of ${size.width}`);
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const it of found.violations) {
    const places = it.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${node.failureSummary?.split("\n").at(-1)?.trim()})`);
    const line = `axe ${it.impact}: ${it.id}: ${it.help}: ${places.join("; ")}`;
    if (["serious", "critical"].includes(it.impact)) problem(where, line);
    else console.log(`  ${where}: ${line}`);
  }
}

export async function picture(page, name, full = true) {
  await page.screenshot({ path: `${process.env.PICTURES}/${name}.png`, fullPage: full });
}

export function finish(looks) {
  if (problems.length === 0) {
    console.log(`${looks} looks at the page: nothing found`);
    return;
  }
  for (const it of [...new Set(problems)]) console.error(it);
  console.error(`${looks} looks at the page: ${problems.length} problems`);
  process.exitCode = 1;
}
