// Drives the page of a running daemon as a person does: reads every view, scans, searches, filters, acknowledges, leaves.
//
// It finds its way by what stands on the page, so that it runs against any fleet; what a fleet lacks is said and left out.

import { finish, inspect, launch, open, picture, problem, SIZES, THEMES } from "./browser.mjs";

const { BASE_URL, TOKEN } = process.env;
const at = (path) => new URL(path, BASE_URL).href;
const PATIENCE = 60_000;
let looks = 0;

async function look(page, name, theme, size) {
  await inspect(page, `${theme} ${size} ${name}`);
  await picture(page, `live-${name}-${size}-${theme}`);
  looks += 1;
}

function check(holds, what) {
  if (!holds) problem("driven", what);
}

async function login(page) {
  await page.goto(at("/"));
  if (!new URL(page.url()).pathname.startsWith("/login")) return false;
  if (!TOKEN) throw new Error("the daemon asks for a token, and none was given");
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL((it) => !it.pathname.startsWith("/login"));
  return true;
}

// The first of the links to such a place, or nothing.
async function first(page, start) {
  const link = page.locator(`main a[href^="${start}"]`).first();
  return (await link.count()) ? link.getAttribute("href") : null;
}

async function everyView(page, theme, size) {
  for (const [name, path] of [["overview", "/"], ["map", "/map"], ["findings", "/findings"], ["operations", "/operations"], ["api", "/api"]]) {
    await page.goto(at(path));
    await look(page, name, theme, size);
  }
  await page.goto(at("/"));
  const [tenant, finding] = [await first(page, "/tenants/"), await first(page, "/findings/")];
  if (tenant) {
    await page.goto(at(tenant));
    await look(page, "tenant", theme, size);
  }
  if (finding) {
    await page.goto(at(finding));
    await look(page, "finding", theme, size);
  }
}

async function missing(page, told, theme, size) {
  told.expected = ["404"];
  const answer = await page.goto(at("/tenants/no-such-tenant"));
  check(answer.status() === 404, `an unknown tenant answers ${answer.status()}`);
  await look(page, "missing", theme, size);
  told.expected = [];
}

async function refused(page, told) {
  told.expected = ["401", "403", "422"];
  await page.goto(at("/login"));
  await page.getByLabel("Token").fill("not-a-token");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor({ timeout: PATIENCE });
  looks += 1;
  told.expected = [];
}

async function searchAndFilter(page) {
  await page.goto(at("/"));
  const all = await page.locator(".tenants tbody tr").count();
  const id = (await page.locator(".tenants tbody th a").first().textContent()).trim();
  await page.getByRole("searchbox").fill(id);
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL((it) => it.searchParams.get("q") === id);
  check(0 < await page.locator(".tenants tbody tr").count(), `the search for ${id} finds nothing`);
  await page.getByRole("link", { name: "Show all" }).click();
  await page.waitForURL((it) => !it.searchParams.has("q"));
  check(await page.locator(".tenants tbody tr").count() === all, "showing all shows something else than before");
  for (const verdict of ["breached", "unverified", "isolated"]) {
    const tile = page.locator(`.tile[href*="verdict=${verdict}"]`);
    const count = Number(await tile.locator("strong").textContent());
    await tile.click();
    await page.waitForURL((it) => it.searchParams.get("verdict") === verdict);
    const rows = await page.locator(".tenants tbody tr").count();
    check(rows === Math.min(count, 50), `${count} ${verdict} by number, ${rows} by row`);
    await page.goto(at("/"));
  }
}

// The button works without a script too; with one, progress is seen and the view draws itself anew.
async function scan(page) {
  await page.goto(at("/"));
  const button = page.getByRole("button", { name: "Scan now" });
  if (!(await button.count())) {
    console.log("left out: this token may not scan");
    return;
  }
  const before = await page.locator(".hero time").first().getAttribute("datetime").catch(() => null);
  await button.click();
  await page.locator(".notice").waitFor({ timeout: PATIENCE });
  await page.waitForFunction(
    (was) => document.querySelector(".hero time")?.getAttribute("datetime") !== was,
    before,
    { timeout: PATIENCE },
  );
  looks += 1;
}

async function acknowledge(page) {
  await page.goto(at("/findings"));
  const path = await first(page, "/findings/");
  if (!path) {
    console.log("left out: no finding to acknowledge");
    return;
  }
  await page.goto(at(path));
  const reason = page.getByLabel("Reason");
  if (!(await reason.count())) {
    console.log("left out: this token may not acknowledge");
    return;
  }
  const verdict = await page.locator("#state .mark").textContent();
  await reason.fill("Known: the browser's test looks at it");
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.locator(".notice").waitFor({ timeout: PATIENCE });
  check((await page.locator(".marks").first().textContent()).includes("Acknowledged"), "the finding is not acknowledged");
  check(await page.locator("#state .mark").textContent() === verdict, "an acknowledgement changed the verdict");
  await inspect(page, "acknowledged");
  looks += 1;
}

async function keyboard(page) {
  await page.goto(at("/"));
  await page.keyboard.press("Tab");
  const skip = await page.evaluate(() => document.activeElement.textContent);
  check(skip === "Skip to the content", `the first stop of the keyboard is ${skip}`);
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.id) === "main", "the skip link leads to the content");
  const stops = new Set();
  for (let it = 0; it < 25; it += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      const name = document.activeElement.textContent.trim() || document.activeElement.id || document.activeElement.className;
      return { name, visible: outlineStyle !== "none" && outlineWidth !== "0px" };
    });
    check(seen.visible || !seen.name, `the focus is not seen on ${seen.name}`);
    stops.add(seen.name);
  }
  check(8 < stops.size, "the keyboard is caught");
}

async function theme(page) {
  await page.goto(at("/"));
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole("button", { name: /^Theme/ });
  const grounds = new Set();
  for (let it = 0; it < 3; it += 1) {
    await button.click();
    grounds.add(await ground());
  }
  check(grounds.size === 2, `themes have the grounds ${[...grounds]}`);
  await button.click();
  const chosen = await ground();
  await page.reload();
  check(await ground() === chosen, "the theme is forgotten");
}

async function withoutScripts(browser) {
  const { context, page } = await open(browser, "light", "desk", { javaScriptEnabled: false });
  await login(page);
  check(await page.locator("h1").count() === 1, "without scripts there is no overview");
  check(!(await page.locator("#theme").isVisible()), "a button that does nothing is shown");
  const button = page.getByRole("button", { name: "Scan now" });
  if (await button.count()) {
    await button.click();
    check(await page.locator(".notice").count() === 1, "without scripts a scan cannot be asked for");
  }
  looks += 1;
  await context.close();
}

async function logout(page) {
  const button = page.getByRole("button", { name: /^Log out/ });
  if (!(await button.count())) return;
  await button.click();
  await page.waitForURL((it) => it.pathname.startsWith("/login"));
  await page.goto(at("/map"));
  check(new URL(page.url()).pathname.startsWith("/login"), "after logging out the map is still shown");
}

const browser = await launch();
for (const theme of THEMES) {
  for (const size of Object.keys(SIZES)) {
    const { context, page, told } = await open(browser, theme, size);
    const asked = await login(page);
    await everyView(page, theme, size);
    await missing(page, told, theme, size);
    if (asked && theme === "light" && size === "desk") {
      await page.getByRole("button", { name: /^Log out/ }).click();
      await look(page, "login", theme, size);
      await refused(page, told);
    }
    await context.close();
  }
}
const { context, page } = await open(browser, "light", "desk");
await login(page);
for (const act of [searchAndFilter, keyboard, theme, scan, acknowledge, logout]) {
  await act(page).catch((it) => problem(act.name, it.message.split("\n")[0]));
}
await context.close();
await withoutScripts(browser).catch((it) => problem("without scripts", it.message.split("\n")[0]));
await browser.close();
finish(looks);
