// page.test.mjs - the admin's page in a browser, on a real server: run.sh runs it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Client, Moonport, elsewhere, load, page_file, until } from "./server.mjs";

const require = createRequire(new URL("../../build/page/", import.meta.url));
const { chromium } = require("playwright-core");

let browser, server;
let context, page, wrong; // wrong: what the console and the browser complained about
let stopping; // the server was asked to stop: while it does, it refuses what it would have to work for

before(async () => {
  const is_root = process.getuid?.() === 0;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: is_root ? ["--no-sandbox"] : [] });
});
after(() => browser?.close());

beforeEach(async () => {
  server = await Moonport.make();
  await server.start();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  page = await open(context);
});

afterEach(async () => {
  await context.close();
  await server.remove();
  assert.deepEqual(wrong, []);
});

// Chromium itself writes a line for each answer that is no success, and for a server that is gone: those are
// expected. Anything else is an error of the page's, or a violation of its policy.
function complains(text) {
  const status = /^Failed to load resource: the server responded with a status of (\d+)/.exec(text)?.[1];
  return !text.startsWith("Failed to load resource: net::ERR_") &&
    !["401", "409", ...(stopping ? ["503"] : [])].includes(status);
}

async function open(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  wrong = [];
  stopping = false;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && complains(message.text())) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  page.on("request", (request) => {
    if (!/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(server.origin)) wrong.push(request.url());
  });
  await page.goto(server.page);
  await shows("#state", /^connected$/, page);
  return page;
}

const text = (selector, on = page) => on.locator(selector).first().textContent();
const shows = (selector, pattern, on = page) =>
  until(async () => (await on.locator(selector).count()) > 0 && pattern.test(await text(selector, on)),
    `${selector}: ${pattern}`);
const number = (words) => Number(words.replace(/[^\d.]/g, "")) * ({ k: 1e3, M: 1e6 }[words.match(/[kM]/)?.[0]] ?? 1);
const legend = async (chart, i) => number(await text(`.chart:nth-child(${chart}) .legend span:nth-child(${i}) b`));
const row_of = (client) => page.locator("#connections-table tbody tr", { hasText: `:${client.local_port}` });
const reveal = (selector) => page.locator(selector).scrollIntoViewIfNeeded();
const away = () => page.mouse.move(2, 450); // a list is held while somebody points at it

test("it loads, without the token in its address, and says that there is nothing yet", async () => {
  assert.equal(page.url(), server.origin + "/");
  assert.ok((await text("#directory")).length > 0);
  assert.match(await text("#about"), /^Moonport \S+ · \S+ · pid \d+ · up /);
  assert.equal(await text("#generation"), "1");
  assert.equal(await page.locator("#errors-empty").isVisible(), true);
  await shows("#connections-table .empty", /Nobody is connected/);
  assert.equal(await page.locator("#workers-table tbody tr").count(), 2);
  assert.equal(await page.locator("#generations-list li").count(), 1);
  await shows("#log-lines .info", /./);
});

test("its policy allows only what carries the answer's nonce, which is another one each time", async () => {
  const nonces = [];
  for (let i = 0; i < 2; i++) {
    const response = await page.reload();
    const policy = response.headers()["content-security-policy"];
    const [, nonce] = policy.match(/script-src 'nonce-([^']+)'/);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal((await response.text()).split(`nonce="${nonce}"`).length, 3);
    nonces.push(nonce);
  }
  assert.notEqual(nonces[0], nonces[1]);
  assert.equal(page_file().split("@NONCE@").length, 3);
});

test("numbers move under load", async () => {
  const crowd = await load(server.port, 12);
  await shows(".gauge:nth-child(1) .value", /^12 /);
  await until(async () => (await legend(1, 1)) > 100, "packets received each second");
  await until(async () => (await legend(1, 2)) > 100, "packets sent each second");
  await until(async () => (await legend(2, 1)) > 1, "bytes each second");
  await until(async () => /L/.test(await page.locator(".chart path").nth(1).getAttribute("d")), "a line that grows");
  await shows("#handlers-table tbody", /on_receive/);
  await until(async () => number(await text("#workers-table tbody td:nth-child(3)")) > 0, "a worker's packets");
  crowd.end();
  await shows(".gauge:nth-child(1) .value", /^0 /);
  await until(async () => (await legend(1, 1)) === 0, "no more packets");
  await shows("#endings", /eof 1?\d|reset 1?\d/);
});

test("connections are found, sorted, and closed one by one", async () => {
  const crowd = await load(server.port, 30), [first, second] = crowd.clients;
  await reveal("#connections");
  await shows("#range", /^1–25 of 30$/);
  await page.click("#after");
  await shows("#range", /^26–30 of 30$/);
  await page.click("#before");
  const ids = () => page.locator("#connections-table tbody td:first-child").allTextContents();
  const sorted = async (sign) => {
    const found = (await ids()).map(Number);
    return found.length === 25 && found.every((id, i) => i === 0 || sign * (id - found[i - 1]) > 0);
  };
  await until(() => sorted(1), "sorted by id");
  await page.click("#connections-table th button:text-is('Id')");
  await until(() => sorted(-1), "sorted by id, the last first");
  assert.equal(await page.locator("#connections-table th").first().getAttribute("aria-sort"), "descending");
  const by_age = page.waitForRequest(/\/connections\.json\?sort=age&order=asc&/);
  await page.click("#connections-table th button:text-is('Age')");
  await by_age;
  await page.fill("#search", `:${first.local_port}`);
  await shows("#range", /^1–1 of 1$/);
  await row_of(first).getByRole("button").click();
  await until(() => first.is_closed, "the connection closed");
  await shows(".result", /Close connection/);
  await away();
  await shows("#connections-table .empty", /No connection matches/);
  await page.fill("#search", "");
  await shows("#range", /of 29$/);
  assert.equal(second.is_closed, false);
});

test("Reload brings the new script, tells what is wrong with a bad one, and Roll back the old one", async () => {
  const client = await Client.connect(server.port);
  assert.equal(await client.ask("who"), "first");
  server.save_answer("second");
  await page.click("#reload");
  await shows(".result:not(.failed)", /Reload/);
  await shows("#generation", /^2$/);
  assert.equal(await client.ask("who"), "second");

  server.save("function on_receive(conn, line)\n  if line then then\nend\n");
  await page.click("#reload");
  await shows(".result.failed", /Reload: failed.*main\.lua:2/s);
  await shows("#generations-list", /refused.*main\.lua:2/s);
  assert.equal(await client.ask("who"), "second");

  await page.click("#rollback");
  await until(async () => (await client.ask("who")) === "first", "the old script");
});

test("an error shows with its traceback, as text, and stays open while more arrive", async () => {
  const fail = async () => (await Client.connect(server.port)).send("fail");
  await fail();
  await shows("#errors-list .said", /main\.lua:4.*no such room: <img src=x onerror=alert\(1\)>/);
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal(await text("#errors-count"), "1");
  await page.click("#errors-list summary");
  await away();
  await shows("#errors-list pre", /stack traceback/);
  const node = await page.locator("#errors-list details").elementHandle();
  await fail();
  await shows("#errors-list .times", /^2/);
  assert.equal(await page.locator("#errors-list details").count(), 1);
  assert.equal(await node.evaluate((details) => details.open && details.isConnected), true);
  assert.equal(await page.locator("#errors-list pre").isVisible(), true);
  const failed = "#handlers-table tr:has-text('on_receive') td:nth-child(3)";
  await until(async () => number(await text(failed)) === 2, "2 failed");
  await shows("#log-lines .error", /no such room: <img/);
});

test("a listener is closed and opened again", async () => {
  const stays = await Client.connect(server.port);
  const button = page.locator("#listeners-table tbody button");
  await button.click();
  await shows("#listeners-table .pill", /^closed$/);
  await assert.rejects(Client.connect(server.port));
  assert.equal(await stays.ask("who"), "first");
  await button.click();
  await shows("#listeners-table .pill", /^open$/);
  const client = await Client.connect(server.port);
  assert.equal(await client.ask("who"), "first");
});

test("it says when the first certificate ends", async () => {
  const certificate = join(server.directory, "server.pem");
  const listens = (tls) => `{ address = "127.0.0.1:${server.port}", tls = ${tls} }`;
  assert.equal(await page.locator("#certificates").isVisible(), false);
  await server.stop();
  server.set("probation = 0", listens('"self-signed"'));
  await server.start();
  await shows("#certificates", /^The first certificate ends in 29\sd 23\sh, on \d{4}-\d\d-\d\d\.$/);
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", "/CN=a",
    "-keyout", certificate, "-out", certificate + ".new"], { stdio: "ignore" });
  await server.stop();
  server.set("probation = 0", listens('{ certificate = "server.pem.new", key = "server.pem" }'));
  await server.start();
  await shows("#certificates", /ends in 2\sd 23\sh, on .*: renew it\.$/);
  await reveal("#certificates");
  assert.equal(await page.locator("#certificates").isVisible(), true);
});

test("log lines are filtered, and the server's level is set", async () => {
  await reveal("#log");
  await shows("#log-lines .info", /./);
  await page.selectOption("#log-show", "error");
  assert.equal(await page.locator("#log-lines .info").first().isVisible(), false);
  await page.selectOption("#log-show", "debug");
  await page.fill("#log-search", "no line has this");
  assert.equal(await page.locator("#log-lines .info:visible").count(), 0);
  await page.fill("#log-search", "");
  await page.selectOption("#log-level", "debug");
  await shows(".result:not(.failed)", /Log level debug/);
  await page.reload();
  await until(async () => (await page.inputValue("#log-level")) === "debug", "the level that the server has");
});

test("tests that fail refuse a new script, and the line is told", async () => {
  server.set("probation = 0, reload_tests = true");
  server.save('test("it adds up", function()\n  test.equal(1 + 1, 3)\nend)\n', "sum_test.lua");
  await page.click("#reload");
  await shows(".result.failed", /Reload: failed.*sum_test\.lua: it adds up.*sum_test\.lua:2/s);
  await shows("#generations-list", /refused.*sum_test\.lua:2/s);
  server.save('test("it adds up", function()\n  test.equal(1 + 1, 2)\nend)\n', "sum_test.lua");
  await page.click("#reload");
  await shows(".result:not(.failed)", /Reload.*tests: 1 passed, 0 failed/s);
});

test("a generation on probation is told of, and why it was taken back", async () => {
  const client = await Client.connect(server.port), answer = await client.ask("who");
  const crowd = await Promise.all([1, 2, 3].map(() => Client.connect(server.port)));
  server.set("probation = 1000");
  server.save_answer("bad");
  await page.click("#reload");
  await shows("#probation", /^Generation \d+ is on probation for \d+ seconds more \(0 of 0 calls failed\)/);
  assert.equal(await client.ask("who"), "bad");
  await shows("#probation", /\(0 of 1 call failed\)/);
  for (const one of crowd) one.send("fail");
  await shows("#probation", /^Generation \d+ was taken back: on_receive has failed in 3 of 4 calls.*no such room/);
  await shows("#generations-list", /rolled back/);
  assert.equal(await client.ask("who"), answer);
  for (const one of [client, ...crowd]) one.close();
  server.set("probation = 0");
  server.save_answer("first");
  await page.click("#reload");
  await until(async () => !(await page.locator("#probation").isVisible()), "no word about it");
});

test("Stop asks first: Escape leaves it, a yes ends the server", async () => {
  await page.focus("#stop");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#ask").isVisible(), true);
  assert.equal(await page.evaluate(() => document.activeElement.id), "ask-no");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#ask").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "stop");
  assert.equal(await (await Client.connect(server.port)).ask("who"), "first");
  await page.click("#stop");
  stopping = true;
  await page.click("#ask-yes");
  await server.ended;
  await shows("#gone", /was stopped/);
});

test("it says so when the server is gone, and comes back by itself", async () => {
  const crowd = await load(server.port, 3);
  await shows(".gauge:nth-child(1) .value", /^3 /);
  crowd.end();
  await server.stop();
  await shows("#gone", /has not answered since/);
  await shows("#state", /^gone$/);
  assert.match(await page.title(), /^Gone: /);
  await page.click("#reload");
  await shows(".result.failed", /does not answer/);
  await server.start();
  await shows("#state", /^connected$/);
  assert.equal(await page.locator("#gone").isVisible(), false);
  await shows("#log-lines .note >> nth=1", /started again/);
  await shows(".gauge:nth-child(1) .value", /^0 /);
  const client = await Client.connect(server.port);
  await shows(".gauge:nth-child(1) .value", /^1 /);
});

test("without its cookie it says what to do, and goes on once it has one", async () => {
  const cookies = await context.cookies();
  assert.equal(cookies.length, 1);
  assert.match(cookies[0].name, /^moonport/);
  assert.deepEqual([cookies[0].httpOnly, cookies[0].sameSite], [true, "Strict"]);
  await context.clearCookies();
  await shows("#locked", /Open the address that the server printed/);
  assert.equal(await page.locator("#main").isVisible(), false);
  await context.addCookies(cookies);
  await shows("#state", /^connected$/);
  assert.equal(await page.locator("#main").isVisible(), true);
});

// Another port of the same host is the same site, so that the cookie is sent along; another name is not.
for (const host of ["127.0.0.1", "localhost"])
  test(`from another origin, ${host}, nothing is read and nothing done`, async () => {
    const port = await elsewhere({
      "/post": `<!doctype html><form method="post" action="${server.origin}/reload"></form>`,
      "/frame": `<!doctype html><iframe src="${server.origin}/"></iframe>`,
    });
    const stranger = await context.newPage();
    const at = (path) => stranger.goto(`http://${host}:${port}${path}`);
    server.save_answer("second");
    await at("/");
    const ask = (path, how) => stranger.evaluate(([url, how]) =>
      fetch(url, { credentials: "include", ...how }).then((response) => response.text(), () => "refused"),
    [server.origin + path, how]);
    for (const path of ["/stats.json", "/connections.json", "/errors.json", "/log.json", "/"])
      assert.equal(await ask(path), "refused", path);
    for (const mode of ["cors", "no-cors"])
      for (const headers of [{}, { "X-Moonport": "1" }]) await ask("/reload", { method: "POST", mode, headers });
    await at("/post");
    const submit = () => stranger.evaluate(() => document.forms[0].submit());
    const [answer] = await Promise.all([stranger.waitForNavigation(), submit()]);
    assert.ok([401, 403].includes(answer.status()), `status ${answer.status()}`);
    await at("/frame");
    await until(() => stranger.frames().length === 2, "the frame");
    assert.equal(await stranger.frames()[1].locator("#directory").count(), 0);
    const client = await Client.connect(server.port);
    assert.equal(await client.ask("who"), "first");
    await shows("#generation", /^1$/);
  });

test("focus, selection and scrolling stay where they are", async () => {
  const crowd = await load(server.port, 25);
  await reveal("#connections");
  await shows("#range", /of 25$/);
  const last = page.locator("#connections-table tbody button").nth(20);
  await page.locator("#search").focus();
  await last.focus();
  await page.keyboard.press("Tab"); // so that it is the keyboard's focus
  const seen = () => page.evaluate(() => ({
    focus: document.activeElement.getAttribute("aria-label"), scroll: scrollY, text: String(getSelection()),
  }));
  await page.evaluate(() => getSelection().selectAllChildren(document.querySelector("#connections-table td:nth-child(2)")));
  const before = await seen(), packets = await text("#handlers-table tbody");
  assert.match(before.focus, /^Close connection/);
  assert.match(before.text, /^127\.0\.0\.1:\d+$/);
  await Client.connect(server.port); // one more than there were
  await until(async () => (await text("#range")).endsWith("of 26"), "another connection");
  await until(async () => (await text("#handlers-table tbody")) !== packets, "numbers that move");
  assert.deepEqual(await seen(), before);
});

test("it does not ask while it is hidden, and catches up when it is seen", async () => {
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  let release;
  await page.route("**/stats.json", (route) => (release = () => route.continue()), { times: 1 });
  await until(() => release, "a request, which is answered after the page was hidden");
  await hide(true);
  release();
  await page.waitForTimeout(1500);
  let asked = 0;
  page.on("request", () => asked++);
  await page.waitForTimeout(3000);
  assert.equal(asked, 0);
  const client = await Client.connect(server.port);
  await client.ask("who");
  await hide(false);
  await shows(".gauge:nth-child(1) .value", /^1 /);
  assert.ok(asked > 0);
});

const evil = '</title><img src=x onerror=alert(1)>&"';
const busy_script = `local function busy()
  local text = ("x"):rep(100000)
  for i = 1, 20000 do local _ = function() end end
end
local odd = {}
odd['${evil}'] = busy
server.every(0.01, function()
  odd['${evil}']()
  busy()
end)
function on_receive(conn, line) conn:send(line) end
`;

test("a profile shows as a flame graph and as tables, is saved, and there is one at a time", async () => {
  server.save(busy_script);
  await page.click("#reload");
  await shows("#generation", /^2$/);
  await reveal("#profile");
  assert.equal(await page.locator("#profile-found").isVisible(), false);
  await page.selectOption("#profile-seconds", "1");
  await page.click("#profile-start");
  await shows("#profile-note", /^It runs for /);
  assert.equal(await page.locator("#profile-start").isDisabled(), true);
  const post = () => page.evaluate(() =>
    fetch("profile", { method: "POST", headers: { "X-Moonport": "1" } }).then((answer) => answer.status));
  assert.equal(await post(), 409);
  await shows("#profile-note", /^The last one/);
  assert.match(await text("#profile-text"), /^Profile of 1 s, workers 1, 2\. Calls took .*% of that time/);
  assert.match(await text("#profile-text"), /share +time +allocated +handler\n +100\.0% .* timer\n/);
  const titles = await page.locator("#profile-flame title").allTextContents();
  assert.ok(titles.some((title) => title.startsWith("timer: ")), titles.join("\n"));
  assert.ok(titles.some((title) => /\(main\.lua:1\): \d/.test(title)), titles.join("\n"));
  assert.equal(await page.locator("#profile-flame :is(img, script, style)").count(), 0);
  assert.equal(await page.locator("#profile-start").isEnabled(), true);

  const found = await page.evaluate(async () => {
    const svg = await fetch("profile?format=svg"), scope = await fetch("profile?format=speedscope");
    return { type: svg.headers.get("content-type"), svg: await svg.text(), scope: await scope.text() };
  });
  assert.equal(found.type, "image/svg+xml");
  assert.ok(!/<(img|script)/.test(found.svg));
  const scope = JSON.parse(found.scope);
  assert.equal(scope.$schema, "https://www.speedscope.app/file-format-schema.json");
  assert.ok(scope.shared.frames.every((frame) => typeof frame.name === "string"));
  assert.deepEqual(scope.profiles.map(({ type, unit }) => `${type} ${unit}`), ["sampled nanoseconds", "sampled bytes"]);
  for (const { samples, weights, startValue, endValue } of scope.profiles) {
    assert.equal(samples.length, weights.length);
    assert.ok(samples.flat().every((frame) => Number.isInteger(frame) && frame >= 0 && frame < scope.shared.frames.length));
    assert.ok(weights.every((weight) => weight > 0));
    assert.equal(weights.reduce((sum, weight) => sum + weight, 0), endValue - startValue);
  }
  for (const [link, name] of [["SVG", "profile.svg"], ["text", "profile.txt"], ["file for", "profile.speedscope.json"]]) {
    const saved = page.waitForEvent("download");
    await page.locator("#profile-found a", { hasText: link }).click();
    assert.equal((await saved).suggestedFilename(), name);
  }
  await page.goto(server.origin + "/profile?format=svg");
  assert.equal(await page.evaluate(() => document.documentElement.localName), "svg");
  await page.goto(server.origin);
  await shows("#profile-note", /^The last one/);
  if (process.env.PICTURES) await take_pictures();
});

// For people to look at.
async function take_pictures() {
  for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [400, "light"], [400, "dark"]]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.locator("#profile").screenshot({ path: `${process.env.PICTURES}/profile-${width}-${colorScheme}.png` });
  }
  await page.goto(server.origin + "/profile?format=svg");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${process.env.PICTURES}/svg-${colorScheme}.png` });
  }
}

test("it is usable at 400 px, light and dark, and remembers a theme", async () => {
  const crowd = await load(server.port, 3);
  await page.setViewportSize({ width: 400, height: 800 });
  const wider = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await shows("#range", /of 3$/);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await until(() => page.evaluate((name) => document.documentElement.dataset.theme === name, colorScheme), colorScheme);
    assert.ok((await wider()) <= 0, `${await wider()} px too wide`);
  }
  const outside = await page.evaluate(() => [...document.querySelectorAll("button")]
    .filter((button) => button.offsetParent && button.getBoundingClientRect().right > innerWidth)
    .map((button) => button.textContent));
  assert.deepEqual(outside, []);
  await page.click("#theme");
  await shows("#theme", /light/);
  await page.reload();
  await shows("#theme", /light/);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
});
