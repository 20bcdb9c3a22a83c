// server.mjs - a real `moonport` with a page, its clients, and a server of another origin.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const token = "a-token-for-the-tests-of-the-page";
const PATIENCE_MS = 30000; // nothing here takes as long unless it is broken

// Until `what` is true; its last answer.
export async function until(what, words) {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const answer = await what();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain: ${words}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export async function free_port() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.on("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// Answers each line by itself, "who" by `answer`, and fails at "fail".
const script = (answer) => `local answer = "${answer}"

function on_receive(conn, line)
  if line == "fail" then error("no such room: <img src=x onerror=alert(1)>") end
  conn:send(line == "who" and answer or line)
end
`;

// Its directory has a configuration with fixed ports, so that it can be started again at the same place; it
// loads scripts only when told to.
export class Moonport {
  static async make() {
    const server = new Moonport();
    server.directory = mkdtempSync(join(tmpdir(), "moonport-page-"));
    server.port = await free_port();
    server.admin = await free_port();
    server.origin = `http://127.0.0.1:${server.admin}`;
    server.save(script("first"));
    server.set("probation = 0");
    return server;
  }

  // More lines of its configuration, instead of those before.
  set(settings, listen = `"127.0.0.1:${this.port}"`) {
    this.save(`return {
  listen = ${listen}, framing = "line", workers = 2, idle_timeout = 0, reload = "signal",
  admin = "127.0.0.1:${this.admin}", admin_token = "${token}",
  ${settings}
}
`, "config.lua");
  }

  save(text, name = "main.lua") {
    writeFileSync(join(this.directory, name), text);
  }

  save_answer(answer) {
    this.save(script(answer));
  }

  // Until it has printed the address of its page, which is left in `page`.
  async start() {
    this.said = "";
    this.child = spawn(process.env.MOONPORT_PROGRAM, [this.directory], { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((done) => this.child.on("close", (code, signal) => done(code ?? signal)));
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on("data", (data) => (this.said += data));
    let over = false;
    this.ended.then(() => (over = true));
    await until(() => over || /admin on http:\/\/\S+\/\?token=/.test(this.said), "the page's address");
    if (over) throw new Error(`the server ended: ${this.said}`);
    this.page = `${this.origin}/?token=${token}`;
  }

  async stop() {
    if (!this.child) return;
    this.child.kill("SIGTERM");
    await this.ended;
  }

  async remove() {
    for (const end of ends.splice(0)) end();
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

}

const ends = []; // what a test has left open

// One connection; lines sent are answered in order.
export class Client {
  static async connect(port) {
    const client = new Client();
    client.lines = [];
    client.is_closed = false;
    client.socket = net.connect(port, "127.0.0.1").setNoDelay();
    client.socket.on("close", () => (client.is_closed = true));
    let rest = "";
    client.socket.on("data", (data) => {
      const parts = (rest + data).split("\n");
      rest = parts.pop();
      client.lines.push(...parts);
    });
    await new Promise((done, failed) => client.socket.on("connect", done).on("error", failed));
    client.socket.removeAllListeners("error").on("error", () => {});
    client.local_port = client.socket.localPort;
    ends.push(() => client.close());
    return client;
  }

  send(line) {
    this.socket.write(line + "\n");
  }

  async ask(line) {
    const before = this.lines.length;
    this.send(line);
    await until(() => this.lines.length > before || this.is_closed, `an answer to "${line}"`);
    return this.lines[before];
  }

  close() {
    this.socket.destroy();
  }
}

// Many that ask all the time, until end().
export async function load(port, count) {
  const clients = [];
  for (let i = 0; i < count; i++) clients.push(await Client.connect(port));
  const timer = setInterval(() => {
    for (const client of clients) for (let i = 0; i < 20; i++) client.send("x".repeat(40));
  }, 50);
  const end = () => {
    clearInterval(timer);
    for (const client of clients) client.close();
  };
  ends.push(end);
  return { clients, end };
}

// A web server of another origin, whose pages are these: its port.
export async function elsewhere(pages) {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end(pages[request.url] ?? "<!doctype html><title>elsewhere</title>");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return server.address().port;
}

export const page_file = () => readFileSync(new URL("../../bindings/admin/page.html", import.meta.url), "utf8");
