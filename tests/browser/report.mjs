// SPDX-License-Identifier: GPL-3.0-or-later
// Opens reports of impscan in Chromium, and holds what they show against the rows of the same runs.
//
//   node report.mjs FOLDER CHROMIUM
//
// FOLDER has the reports and cases.json, as tests/e2e/test_html.py writes them; screenshots and what
// "Save as CSV" saves are written to it. Prints a line "FAIL: ..." for each thing that is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { chromium } from "playwright-core";

const [folder, executablePath] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(path.join(folder, "cases.json"), "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [1280, 800, 400];
// Where axe-core looks: each colour, and the narrow layout.
const AXE = ["1280 light", "1280 dark", "400 light"];
let failures = 0;
let done = 0;

function check(condition, message) {
  done++;
  if (condition) return;
  failures++;
  console.log(`FAIL: ${message}`);
}

function equal(one, other, message) {
  check(one === other, `${message}: ${JSON.stringify(one)}, not ${JSON.stringify(other)}`);
}

// Opens a report. Whatever the browser complains of, and each request of another file, is a failure.
async function open(browser, name, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    acceptDownloads: true,
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const own = pathToFileURL(path.join(folder, name)).href;
  const log = (text) => check(false, `${name}: ${text}`);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !page.expected) log(message.text());
  });
  page.on("pageerror", (error) => log(error.stack));
  page.on("request", (request) => {
    const url = request.url().split("#")[0];
    if (url !== own && !url.startsWith("blob:") && !page.expected) log(`asks for ${url}`);
  });
  page.on("dialog", (dialog) => {
    log(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(own);
  return page;
}

function shownRows(page) {
  return page.locator("#shown").textContent();
}

function words(count) {
  return new Intl.NumberFormat("en").format(count);
}

// The text of each cell of a column, of the rows that are drawn.
function column(page, name) {
  return page.evaluate((wanted) => {
    const heads = [...document.querySelectorAll("#table-head button")];
    const place = heads.findIndex((head) => head.dataset.column === wanted);
    const rows = [...document.querySelectorAll("#table-body tr[data-place]")];
    return rows.map((row) => row.children[place].textContent);
  }, name);
}

async function testCounts(page, { name, rows, findings }) {
  equal(
    await shownRows(page),
    `All ${words(rows.length)} ${rows.length === 1 ? "row" : "rows"}`,
    name,
  );
  const counts = await page.locator("#counts li").allTextContents();
  const matches = rows.filter((row) => row.score !== null).length;
  const injected = new Set(
    rows
      .filter((row) => row.found_in.join() === "private")
      .map((row) => `${row.image} ${row.eprocess} ${row.base}`),
  ).size;
  equal(
    counts.find((text) => text.includes("match")),
    `${words(matches)} ${matches === 1 ? "match" : "matches"}`,
    name,
  );
  equal(
    counts.find((text) => text.includes("injected")),
    `${words(injected)} injected`,
    name,
  );
  const titles = await page.locator("#findings-list .finding-head .link").allTextContents();
  for (const finding of findings ?? [])
    check(titles.includes(finding), `${name}: no finding ${finding}: ${titles}`);
  if (findings && !findings.length) equal(titles.length, 0, `${name}: findings ${titles}`);
}

// All columns of all rows as the page saves them: test_html.py compares them with -o csv.
async function saveAll(page, name) {
  await page.locator("#columns summary").click();
  for (const box of await page.locator("#column-list input").all()) await box.check();
  await page.locator("#columns summary").click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("#save").click(),
  ]);
  await download.saveAs(path.join(folder, `${name}.saved.csv`));
}

async function testSorting(page, name) {
  const button = page.locator('#table-head [data-column="pid"]');
  const sorted = () => button.evaluate((one) => one.closest("th").getAttribute("aria-sort"));
  await button.click();
  equal(await sorted(), "ascending", name);
  const up = (await column(page, "pid")).map(Number);
  check(
    up.length > 3 && up.every((pid, i) => !i || up[i - 1] <= pid),
    `${name}: not sorted: ${up}`,
  );
  await button.click();
  equal(await sorted(), "descending", name);
  const down = (await column(page, "pid")).map(Number);
  check(down[0] > up[0] && down.every((pid, i) => !i || down[i - 1] >= pid), `${name}: ${down}`);
  await button.click();
  equal(await sorted(), "none", name);
}

// Has any field of the row the text?
function hasText(row, text) {
  return Object.values(row).some((value) =>
    typeof value === "number"
      ? String(value) === text
      : [value ?? ""].flat().some((part) => part.toLowerCase().includes(text)),
  );
}

async function testFilters(page, { name, rows }) {
  const of = (some) => `${words(some.length)} of ${words(rows.length)} rows`;
  for (const text of ["helper", "0x7ff", "4012", "ok"]) {
    await page.locator("#filter-text").fill(text);
    const some = rows.filter((row) => hasText(row, text));
    equal(
      await shownRows(page),
      some.length === rows.length ? `All ${of(some).split(" of ")[1]}` : of(some),
      `${name}: filter ${text}`,
    );
  }
  await page.locator("#filter-clear").click();
  for (const chip of await page.locator("#filter-flags button").all()) {
    const flag = (await chip.textContent()).split(" ")[0];
    const some = rows.filter((row) =>
      flag === "matched"
        ? row.score !== null
        : flag === "injected"
          ? row.found_in.join() === "private"
          : flag === "not"
            ? ["partial", "unreadable"].includes(row.status)
            : row.flags.includes(flag),
    );
    await chip.click();
    equal(await chip.getAttribute("aria-pressed"), "true", `${name}: chip ${flag}`);
    equal(await shownRows(page), of(some), `${name}: flag ${flag}`);
    await chip.click();
  }
  if (rows.some((row) => row.score !== null)) {
    await page.locator("#filter-score").fill("90");
    equal(await shownRows(page), of(rows.filter((row) => row.score >= 90)), `${name}: score`);
    await page.locator("#filter-clear").click();
  }
  check((await shownRows(page)).startsWith("All "), `${name}: filters are not cleared`);
}

async function testTree(page, { name, rows }) {
  const pid = rows.at(-1).pid;
  const item = page.locator('#tree [role="treeitem"]', { hasText: ` ${pid} ` });
  await item.click();
  const some = rows.filter((row) => row.pid === pid);
  equal(
    await shownRows(page),
    `${words(some.length)} of ${words(rows.length)} rows`,
    `${name}: process`,
  );
  equal(await item.getAttribute("aria-selected"), "true", `${name}: process`);
  check(
    (await page.locator("#process-facts").textContent()).includes(String(pid)),
    `${name}: facts`,
  );
  await item.click();
  check((await shownRows(page)).startsWith("All "), `${name}: the process is not given up`);
}

async function testDetail(page, name) {
  const button = page.locator("#findings-list .finding-head .link").first();
  const title = await button.textContent();
  await button.click();
  check(await page.locator("#detail").isVisible(), `${name}: no detail`);
  check(
    (await page.locator("#detail-title").textContent()).startsWith(title.split(" at ")[0]),
    `${name}: title`,
  );
  await page.keyboard.press("Escape");
  check(!(await page.locator("#detail").isVisible()), `${name}: Escape does not close`);
  check(
    await button.evaluate((one) => one === document.activeElement),
    `${name}: the focus is lost`,
  );
}

// A dot for each process whose start is known, and each in the list.
async function testTimes(page, { name, rows }) {
  const known = new Set(
    rows.filter((row) => row.started).map((row) => `${row.image} ${row.eprocess}`),
  ).size;
  const dots = await page.locator("#times-chart circle").count();
  check(known > 10 && dots >= known, `${name}: ${dots} dots, ${known} processes with modules`);
  await page.locator("#times summary").click();
  const lines = await page.locator("#times-list li").allTextContents();
  equal(lines.length, dots, `${name}: starts listed`);
  check(
    lines.every((line, i) => !i || lines[i - 1].slice(0, 20) <= line.slice(0, 20)),
    `${name}: starts are not in order`,
  );
  await page.locator("#times-list button").last().click();
  check((await shownRows(page)).includes(" of "), `${name}: a start does not choose its process`);
  await page.locator("#filter-clear").click();
  await page.locator("#times summary").click();
}

// All that the mouse does, by keys alone.
async function testKeyboard(browser, { name, rows }) {
  const page = await open(browser, `${name}.html`);
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.className), "skip", `${name}: skip link`);
  await page.keyboard.press("Enter");
  equal(await page.evaluate(() => document.activeElement.id), "findings", `${name}: skipped to`);
  const reach = async (test, what) => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(test)) return;
    }
    check(false, `${name}: Tab does not reach ${what}`);
  };
  await reach(() => document.activeElement.role === "treeitem", "the tree");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  check((await shownRows(page)).includes(" of "), `${name}: Enter does not choose a process`);
  await page.keyboard.press("Enter");
  await reach(() => document.activeElement.id === "table", "the table");
  for (const key of ["ArrowDown", "ArrowDown", "End", "Home", "PageDown", "PageUp", "ArrowDown"])
    await page.keyboard.press(key);
  const active = await page.locator("#table").getAttribute("aria-activedescendant");
  equal(active, "row-1", `${name}: active row`);
  await page.keyboard.press("Enter");
  const title = await page.locator("#detail-title").textContent();
  check(
    title.includes(`(${rows[1].pid})`) && title.includes(rows[1].module),
    `${name}: opens ${title}`,
  );
  await page.keyboard.press("Escape");
  check(
    await page.evaluate(() => document.activeElement.id === "table"),
    `${name}: focus after Escape`,
  );
  await page.context().close();
}

async function testAccessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  for (const violation of violations) {
    const nodes = violation.nodes
      .slice(0, 3)
      .map((node) => `${node.html.slice(0, 200)}: ${node.failureSummary}`);
    check(false, `${name}: axe: ${violation.id}: ${violation.help}: ${nodes.join("; ")}`);
  }
  check(true, "axe");
}

// Looks at every width, light and dark; nothing may be wider than the window.
async function testLooks(browser, name) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of WIDTHS) {
      const page = await open(browser, `${name}.html`, {
        viewport: { width, height: 900 },
        colorScheme,
      });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      check(wide <= width, `${name}: ${wide} pixels wide in a window of ${width}`);
      await page.screenshot({
        path: path.join(folder, `${name}-${width}-${colorScheme}.png`),
        fullPage: true,
      });
      const checked = AXE.includes(`${width} ${colorScheme}`);
      if (checked) await testAccessible(page, `${name}, ${width}, ${colorScheme}`);
      if (await page.locator("#findings-list .link").count()) {
        await page.locator("#findings-list .link").first().click();
        await page.screenshot({
          path: path.join(folder, `${name}-${width}-${colorScheme}-detail.png`),
        });
        if (checked) await testAccessible(page, `${name}, ${width}, ${colorScheme}, detail`);
      }
      await page.context().close();
    }
  }
}

// Nothing leaves the page, even where a script in it asks for it.
async function testPolicy(page, name) {
  page.expected = true;
  const results = await page.evaluate(async () => {
    const told = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      told.push(event.effectiveDirective),
    );
    const failed = await fetch("http://127.0.0.1:9/").then(
      () => false,
      () => true,
    );
    document.body.append(
      Object.assign(document.createElement("img"), { src: "http://127.0.0.1:9/x.png" }),
    );
    document.body.append(
      Object.assign(document.createElement("script"), { textContent: "window.pwned = 1" }),
    );
    const inline = document.createElement("div");
    inline.innerHTML = '<b onclick="window.pwned = 1">x</b>';
    document.body.append(inline);
    inline.firstChild.click();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return { told, failed, pwned: window.pwned };
  });
  page.expected = false;
  check(results.failed && results.pwned === undefined, `${name}: the policy lets through`);
  for (const kind of ["connect-src", "img-src", "script-src-elem", "script-src-attr"])
    check(results.told.includes(kind), `${name}: no violation of ${kind}: ${results.told}`);
}

async function testHostile(page, { name, hostile }) {
  const found = await page.evaluate(() => ({
    pwned: window.pwned,
    elements: document.querySelectorAll("img, iframe, object, embed, svg script, link, b, i")
      .length,
    scripts: document.scripts.length,
  }));
  equal(found.pwned, undefined, `${name}: a name was run`);
  equal(found.elements, 0, `${name}: a name made an element`);
  equal(found.scripts, 2, `${name}: a name made a script`);
  const bad = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069]/;
  const text = await page.evaluate(
    () => document.title + document.getElementById("main").innerText,
  );
  check(!bad.test(text), `${name}: shows what is not to be seen`);
  for (const { text: wanted, shown } of hostile) {
    await page.locator("#filter-text").fill(wanted);
    const cells = [...(await column(page, "module")), ...(await column(page, "match"))];
    check(
      cells.includes(shown),
      `${name}: ${JSON.stringify(shown)} is not shown: ${JSON.stringify(cells.slice(0, 20))}`,
    );
    const row = page.locator("#table-body tr[data-place]").first();
    await row.click();
    check(await page.locator("#detail").isVisible(), `${name}: no detail of ${shown}`);
    await page.keyboard.press("Escape");
  }
  await page.locator("#filter-clear").click();
}

// On paper all rows are there, and the tools are not.
async function testPaper(browser, { name, rows }) {
  const page = await open(browser, `${name}.html`);
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  const drawn = await page.locator("#table-body tr").count();
  equal(
    drawn,
    Math.min(rows.length, 1000) + (rows.length > 1000 ? 1 : 0),
    `${name}: rows on paper`,
  );
  check(!(await page.locator("#save").isVisible()), `${name}: buttons on paper`);
  await page.pdf({ path: path.join(folder, `${name}.pdf`), format: "A4", landscape: true });
  await page.context().close();
}

async function testWithoutScripts(browser, name) {
  const page = await open(browser, `${name}.html`, { javaScriptEnabled: false });
  check(await page.locator("noscript").isVisible(), `${name}: nothing is said without scripts`);
  check(!(await page.locator("#main").isVisible()), `${name}: empty tables without scripts`);
  await page.context().close();
}

// How long it takes until a page can be used, and until a filter has been applied and drawn.
async function measure(browser, { name, rows }) {
  const page = await open(browser, `${name}.html`);
  const ready = await page.evaluate(() => performance.getEntriesByName("ready")[0].startTime);
  const times = await page.evaluate(async () => {
    const input = document.getElementById("filter-text");
    const timed = async (work) => {
      const start = performance.now();
      work();
      document.getElementById("table").getBoundingClientRect(); // the layout is made
      return performance.now() - start;
    };
    const filter = (text) => () => {
      input.value = text;
      input.dispatchEvent(new Event("input"));
    };
    const result = {};
    result.first = await timed(filter("kernel"));
    result.filter = await timed(filter("kernel3"));
    result.none = await timed(filter("no such text"));
    result.clear = await timed(filter(""));
    result.sort = await timed(() =>
      document.querySelector('#table-head [data-column="module"]').click(),
    );
    return result;
  });
  const shown = Object.entries(times).map(([what, time]) => `${what} ${time.toFixed(0)} ms`);
  console.log(`${name}: ${words(rows)} rows: open ${ready.toFixed(0)} ms, ${shown.join(", ")}`);
  equal(await shownRows(page), `All ${words(rows)} rows`, name);
  await page.context().close();
}

async function testWhole(browser, page, test) {
  await testSorting(page, test.name);
  await testFilters(page, test);
  await testTree(page, test);
  await testDetail(page, test.name);
  await testTimes(page, test);
  await testKeyboard(browser, test);
  await testPaper(browser, test);
  await testWithoutScripts(browser, test.name);
}

async function testCase(browser, one) {
  if (one.measure) {
    await measure(browser, { name: one.name, rows: one.measure });
    return;
  }
  const lines = readFileSync(path.join(folder, `${one.name}.jsonl`), "utf8").split("\n");
  const test = { ...one, rows: lines.filter(Boolean).map((line) => JSON.parse(line)) };
  const page = await open(browser, `${one.name}.html`);
  await testCounts(page, test);
  if (one.cut) {
    const trouble = await page.locator("#trouble").textContent();
    check(trouble.includes("cut off"), "that a page is cut off is not told");
    await page.context().close();
    return;
  }
  if (one.hostile) await testHostile(page, test);
  if (one.all) await testWhole(browser, page, test);
  await saveAll(page, one.name);
  if (one.all) await testPolicy(page, one.name);
  await page.context().close();
  if (one.looks) await testLooks(browser, one.name);
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
for (const one of cases)
  await testCase(browser, one).catch((error) => check(false, `${one.name}: ${error.stack}`));
await browser.close();
console.log(`${done} checks in ${chromium.name()}, ${failures} failed`);
process.exit(failures ? 1 : 0);
