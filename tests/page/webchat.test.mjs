// webchat.test.mjs - the page of scripts/webchat in a browser: tabs and terminals in one room. run.sh runs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client, free_port, until } from "./server.mjs";

const require = createRequire(new URL("../../build/page/", import.meta.url));
const { chromium } = require("playwright-core");
const example = fileURLToPath(new URL("../../scripts/webchat", import.meta.url));

let browser, chat;
let contexts, clients, wrong; // wrong: what the console and the browser complained about

// The example at ports that are free and stay the same, so that it can be started again at the same place. `secure`: for
// browsers it is inside TLS.
class Webchat {
  static async make(secure = false) {
    const made = new Webchat();
    made.directory = mkdtempSync(join(tmpdir(), "moonport-webchat-"));
    made.port = await free_port();
    made.lines = await free_port();
    made.origin = `${secure ? "https" : "http"}://127.0.0.1:${made.port}`;
    cpSync(example, made.directory, { recursive: true });
    const config = readFileSync(join(example, "config.lua"), "utf8")
      .replaceAll("127.0.0.1:7000", `127.0.0.1:${made.port}`).replace("127.0.0.1:7002", `127.0.0.1:${made.lines}`);
    writeFileSync(join(made.directory, "config.lua"),
      secure ? config.replace('framing = "websocket"', 'framing = "websocket", tls = "self-signed"') : config);
    return made;
  }

  async start() {
    let said = "", over = false;
    this.child = spawn(process.env.MOONPORT_PROGRAM, [this.directory, "--admin", "false", "--workers", "2"],
      { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((done) => this.child.on("close", done));
    this.ended.then(() => (over = true));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => (said += data));
    await until(() => over || /serving/.test(said), "the server's start");
    if (over) throw new Error(`the server ended: ${said}`);
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
  }

  async remove() {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

before(async () => {
  const is_root = process.getuid?.() === 0;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: is_root ? ["--no-sandbox"] : [] });
});
after(() => browser?.close());

beforeEach(async () => {
  [contexts, clients, wrong] = [[], [], []];
  chat = await Webchat.make();
  await chat.start();
});

afterEach(async () => {
  for (const client of clients) client.close();
  for (const context of contexts) await context.close();
  await chat.remove();
  assert.deepEqual(wrong, []);
});

// A tab of another person.
async function tab(options = {}, hash = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  contexts.push(context);
  page.setDefaultTimeout(30000);
  page.on("console", (message) => {
    const expected = /WebSocket connection to .* failed: .*ERR_CONNECTION_REFUSED/;
    if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  page.on("request", (request) => {
    if (!request.url().startsWith("data:") && !request.url().startsWith(chat.origin)) wrong.push(request.url());
  });
  await page.goto(`${chat.origin}/${hash}`);
  await is_in(page, "connected");
  return page;
}

async function terminal() {
  const client = await Client.connect(chat.lines);
  clients.push(client);
  await hears(client, /^\* \/name NEW/);
  return client;
}

const is_in = (page, state) => page.waitForSelector(`#state[data-state=${state}]`);
const shows = (page, words) => page.locator("#log > div", { hasText: words }).last().waitFor();
const hears = (client, pattern) => until(() => client.lines.some((line) => pattern.test(line)), `a line ${pattern}`);
const people = (page) => page.locator("#people li").allTextContents();

async function say(page, words) {
  await page.fill("#words", words);
  await page.press("#words", "Enter");
}

async function rename(page, name) {
  await page.fill("#name", name);
  await page.press("#name", "Enter");
  await shows(page, `is now ${name}`);
}

test("two tabs and a terminal are in one room", async () => {
  const ann = await tab(), bob = await tab(), eve = await terminal();
  await rename(ann, "Ann");
  await rename(bob, "Bob");
  eve.send("/name Eve");
  await shows(bob, "is now Eve");
  await say(ann, "hello from a browser");
  await shows(bob, "hello from a browser");
  await hears(eve, /^Ann: hello from a browser$/);
  eve.send("hello from a terminal");
  for (const page of [ann, bob]) await shows(page, "hello from a terminal");
  await until(async () => (await people(ann)).join() === "Annyou,Bob,Eve", "all who are here");
  assert.equal(await ann.locator("#people-count").textContent(), "3");
  assert.equal(await ann.locator(".mine").count(), 1);
  await bob.close();
  await hears(eve, /^\* Bob left$/);
  await until(async () => (await people(ann)).join() === "Annyou,Eve", "that Bob left");
});

test("inside TLS it is the same: the page is https, its socket wss", async () => {
  await chat.remove();
  chat = await Webchat.make(true);
  await chat.start();
  const options = { ignoreHTTPSErrors: true }; // nobody vouches for the certificate
  const ann = await tab(options), bob = await tab(options), eve = await terminal();
  assert.equal(new URL(ann.url()).protocol, "https:");
  assert.equal(await ann.evaluate(() => isSecureContext && new URL(socket.url).protocol), "wss:");
  const long = "\u00e4".repeat(400);
  for (const words of ["hello", long]) {
    await say(ann, words);
    await shows(bob, words);
    await hears(eve, new RegExp(`: ${words}$`));
  }
  eve.send("hello from a terminal");
  for (const page of [ann, bob]) await shows(page, "hello from a terminal");
});

test("what others send is text and nothing else", async () => {
  const ann = await tab(), eve = await terminal();
  const hostile = '<img src=x onerror="alert(1)">';
  eve.send("/name <b>Eve</b>");
  eve.send(hostile);
  eve.send("\x1b[2J" + "\u202e" + "turned");
  await shows(ann, hostile);
  await shows(ann, "turned");
  assert.equal(await ann.locator("#log img, #log b b, #people b").count(), 0);
  assert.ok((await people(ann)).includes("<b>Eve</b>"));
  assert.ok(!/[\x1b\u202e]/.test(await ann.locator("#log").textContent()));
  await say(ann, "__proto__");
  await shows(ann, "__proto__");
});

test("a room is entered by its button, by its name and by the address", async () => {
  const ann = await tab(), bob = await tab({}, "#tea");
  await until(async () => (await bob.locator("#room").textContent()) === "tea", "the room of the address");
  await say(bob, "only in tea");
  await shows(bob, "only in tea");
  assert.equal(await ann.locator("#log > div", { hasText: "only in tea" }).count(), 0);
  await say(ann, "/rooms");
  await ann.locator("#rooms button", { hasText: "tea" }).click();
  await shows(bob, "guest-1 is here");
  await until(async () => /#tea$/.test(ann.url()) && (await ann.title()) === "tea · webchat", "where it is");
  await ann.fill("#new-room", "Garden-2");
  await ann.press("#new-room", "Enter");
  await until(async () => (await ann.locator("#room").textContent()) === "garden-2", "the new room");
  await shows(bob, "guest-1 left");
});

test("it says that it is offline, and comes back by itself under its name", async () => {
  const ann = await tab();
  await rename(ann, "Ann");
  await chat.stop();
  await is_in(ann, "waiting");
  assert.equal(await ann.locator("#send").isDisabled(), true);
  await say(ann, "not lost");
  assert.equal(await ann.inputValue("#words"), "not lost");
  await chat.start();
  await is_in(ann, "connected");
  await shows(ann, "You are Ann in lobby");
  await ann.press("#words", "Enter");
  await shows(ann, "not lost");
});

test("who leaves stays away until he wants to come back", async () => {
  const ann = await tab();
  await say(ann, "/quit");
  await is_in(ann, "left");
  await ann.locator("#retry").click();
  await is_in(ann, "connected");
});

test("the keyboard is enough", async () => {
  const ann = await tab({ viewport: { width: 400, height: 780 } });
  assert.equal(await ann.evaluate(() => document.activeElement.id), "words");
  await ann.keyboard.type("hello");
  await ann.keyboard.press("Enter");
  await shows(ann, "hello");
  await ann.focus("#toggle");
  await ann.keyboard.press("Enter");
  assert.equal(await ann.evaluate(() => document.activeElement.id), "name");
  assert.equal(await ann.getAttribute("#toggle", "aria-expanded"), "true");
  await ann.keyboard.press("Escape");
  assert.equal(await ann.isVisible("#side"), false);
  assert.equal(await ann.evaluate(() => document.activeElement.id), "words");
  await ann.focus("#log");
  await ann.keyboard.press("/");
  assert.equal(await ann.inputValue("#words"), "/");
});

test("nothing is wider than the window, light and dark", async () => {
  for (const width of [320, 400, 760, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await tab({ viewport: { width, height: 700 }, colorScheme });
      await say(page, "x".repeat(300));
      await shows(page, "x".repeat(300));
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `at ${width}`);
      await page.close();
    }
  }
});

test("older messages stay in place while newer ones come", async () => {
  const ann = await tab({ viewport: { width: 1280, height: 400 } }), eve = await terminal();
  for (let i = 0; i < 10; i++) eve.send(`line ${i} `.repeat(60));
  await shows(ann, "line 9");
  await ann.evaluate(() => (document.getElementById("log").scrollTop = 0));
  await until(() => true, "a moment");
  const bob = await tab();
  await say(bob, "something new");
  await ann.waitForSelector("#newer:visible");
  assert.equal(await ann.evaluate(() => document.getElementById("log").scrollTop), 0);
  await ann.locator("#newer").click();
  await ann.waitForSelector("#newer", { state: "hidden" });
});
