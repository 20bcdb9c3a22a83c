// npm's ws as a client: by_ws.mjs CASE PORT PORT PORT, of a server that does not compress, one that compresses each message
// alone, and one that compresses with contexts.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../build/websocket/", import.meta.url));
const { WebSocket } = require("ws");
const [chosen, plain, alone, contexts] = process.argv.slice(2);

// Does not end by itself: whatever comes is a value in one queue.
class Peer {
  constructor(port, { path = "/", protocols = [], offer = false } = {}) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { perMessageDeflate: offer });
    this.came = [];
    this.waits = undefined;
    this.ws = ws;
    ws.on("open", () => this.put("open"));
    ws.on("upgrade", (answer) => { this.socket = answer.socket; });
    ws.on("message", (data, binary) => this.put(binary ? data : data.toString()));
    ws.on("pong", (data) => this.put({ pong: data.toString() }));
    ws.on("close", (code, reason) => this.put({ code, reason: reason.toString() }));
    ws.on("error", (error) => this.put({ error: error.message }));
    ws.on("unexpected-response", (request, answer) => {
      answer.resume();
      this.put({ status: answer.statusCode, why: answer.headers["x-why"] });
    });
  }

  put(value) {
    this.came.push(value);
    this.waits?.();
  }

  async next() {
    while (this.came.length === 0) await new Promise((come) => { this.waits = come; });
    return this.came.shift();
  }

  async expect(value, what) {
    assert.deepEqual(await this.next(), value, what);
    return this;
  }

  async echo(value, options = {}) {
    this.ws.send(value, options);
    await this.expect(value, value.length);
  }

  // The server answers with the code, and no words.
  async close(code, reason) {
    this.ws.close(code, reason);
    await this.expect({ code: code ?? 1005, reason: "" });
  }
}

const connect = (port, options) => new Peer(port, options).expect("open");

const offers = {
  nothing: false,
  all: { threshold: 0 }, // the smallest and the empty are compressed too
  alone: { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
  narrow: { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
};
const all = Object.values(offers);

// With each of these offers to each of these servers.
async function each(ports, some, talk) {
  for (const port of ports) {
    for (const offer of some) {
      const peer = await connect(port, { offer });
      assert.equal(peer.ws.extensions, port === plain || !offer ? "" : "permessage-deflate");
      await talk(peer, port, offer);
      if (peer.ws.readyState === WebSocket.OPEN) await peer.close(1000);
    }
  }
}

const everyone = (talk) => each([plain, alone, contexts], all, talk);
const one_each = (talk) => each([plain, alone, contexts], [offers.all], talk);

function json(size) {
  let text = "";
  for (let i = 0; text.length < size; i++) text += `{"name":"k\u00e4se","number":${i * 7919 % 1000}},`;
  return text.slice(0, size);
}

// What the server's script has seen of the last end.
async function ended(port, ...ends) {
  const peer = await connect(port);
  for (let seen = ""; seen === "";) {
    peer.ws.send("/ends");
    seen = await peer.next();
    assert.ok(seen === "" || ends.includes(seen), seen);
  }
  peer.ws.terminate();
}

const cases = {
  sizes: () => everyone(async (peer) => {
    for (const size of [0, 1, 99, 100, 125, 126, 127, 1000, 4096, 65535, 65536]) {
      await peer.echo(randomBytes(size));
      await peer.echo(Buffer.alloc(size));
      await peer.echo(json(size));
    }
  }),

  large: () => {
    const bytes = randomBytes(1 << 20), text = json(1 << 20);
    return one_each(async (peer) => {
      await peer.echo(bytes);
      await peer.echo(text);
    });
  },

  order: () => everyone(async (peer) => {
    const texts = Array.from({ length: 200 }, (_, i) => `message ${i} ${json(i)}`);
    for (const text of texts) peer.ws.send(text);
    for (const text of texts) await peer.expect(text);
    peer.ws.send("/many");
    for (let i = 1; i <= 100; i++) await peer.expect(`number ${i}`);
  }),

  fragments: () => everyone(async (peer) => {
    const send = (data, fin, binary) => peer.ws.send(data, { fin, binary });
    const letters = Buffer.from("W\u00f6rld");
    send("Hel", false);
    peer.ws.ping("between");
    send("", false);
    send("lo ", false);
    send(letters.subarray(0, 2), false, false);
    send(letters.subarray(2), true, false);
    await peer.expect({ pong: "between" });
    await peer.expect("Hello W\u00f6rld");
    const bytes = randomBytes(100000);
    for (const [data, fin] of [["\xff", false], [bytes, false], ["", true]]) send(Buffer.from(data), fin, true);
    await peer.expect(Buffer.concat([Buffer.from("\xff"), bytes]));
    for (let i = 0; i < 100; i++) send("x", i === 99);
    await peer.expect("x".repeat(100));
  }),

  // Each message may be compressed or not, whatever those before were.
  mixed: () => everyone(async (peer) => {
    for (let i = 0; i < 20; i++) await peer.echo(json(200 + i), { compress: i % 3 !== 0 });
  }),

  pings: () => everyone(async (peer) => {
    for (const data of ["", "1", "x".repeat(125)]) {
      peer.ws.ping(data);
      await peer.expect({ pong: data });
    }
    peer.ws.pong("unasked");
    peer.ws.send(json(3000));
    peer.ws.ping("behind");
    const came = [await peer.next(), await peer.next()];
    assert.deepEqual(came, [json(3000), { pong: "behind" }]);
  }),

  // Bytes on the wire, there and back: JSON shrinks, and with contexts the same again is next to nothing.
  wire: () => each([plain, alone, contexts], [offers.nothing, offers.all, offers.alone], async (peer, port, offer) => {
    const cost = async (options) => {
      const { bytesWritten, bytesRead } = peer.socket;
      await peer.echo(json(3000), options);
      return [peer.socket.bytesWritten - bytesWritten, peer.socket.bytesRead - bytesRead];
    };
    const first = await cost(), again = await cost();
    const seen = JSON.stringify({ port, offer, first, again });
    const shrinks = port !== plain && offer !== false;
    const keeps = port === contexts && offer === offers.all;
    for (const way of [0, 1]) {
      assert.equal(first[way] < 1000, shrinks, seen);
      assert.equal(again[way] < 100, keeps, seen);
    }
    const raw = await cost({ compress: false });
    assert.ok(raw[0] > 3000 && (raw[1] < 1000) === shrinks, seen);
  }),

  // What one says goes to all, compressed or not as each has agreed.
  broadcast: async () => {
    for (const port of [plain, alone, contexts]) {
      const peers = await Promise.all(all.map((offer) => connect(port, { offer })));
      for (const peer of peers) {
        const text = json(2000);
        peer.ws.send(`/all ${text}`);
        for (const other of peers) await other.expect(Buffer.from(text));
        await peer.echo("and to itself");
      }
      for (const peer of peers) await peer.close(1000);
    }
  },

  closes: () => one_each(async (first, port) => {
    await first.close();
    await ended(port, "eof:1005");
    for (const code of [1000, 1001, 1011, 3000, 4999]) {
      await (await connect(port, { offer: offers.all })).close(code, "bye");
      await ended(port, `eof:${code}`);
    }
    const last = await connect(port, { offer: offers.all });
    last.ws.terminate();
    await last.expect({ code: 1006, reason: "" });
    await ended(port, "eof:1006", "reset:1006");
  }),

  is_closed: () => one_each(async (first, port) => {
    await first.close();
    await ended(port, "eof:1005");
    for (const [word, code, reason, seen] of [
      ["/close", 1000, "", "script:1000"], ["/close 4001 bye", 4001, "bye", "bye:4001"],
      ["/close 1011", 1011, "", "script:1011"], ["/abort", 1006, "", "script:1006"],
    ]) {
      const peer = await connect(port, { offer: offers.all });
      peer.ws.send(word);
      const end = await peer.next();
      assert.deepEqual(end, { code, reason });
      await ended(port, seen);
    }
  }),

  too_large: () => one_each(async (peer, port) => {
    peer.ws.send(Buffer.alloc((2 << 20) + 1)); // compressed it is a bomb of two kilobytes
    await peer.expect({ code: 1009, reason: "" });
    await ended(port, "oversize:1009");
  }),

  no_text: () => one_each(async (peer, port) => {
    peer.ws.send(Buffer.from("abc\xff", "latin1"), { binary: false });
    await peer.expect({ code: 1007, reason: "a text is not UTF-8" });
    await ended(port, "framing:1007");
  }),

  greets: async () => {
    for (const port of [plain, alone, contexts]) {
      for (const offer of all) {
        await new Peer(port, { path: "/refuse", offer }).expect({ status: 401, why: "because" });
        const peer = await connect(port, { path: "/choose", protocols: ["v2", "v1"], offer });
        assert.equal(peer.ws.protocol, "v1");
        await peer.close(1000);
        const early = await connect(port, { path: "/early", offer });
        await early.expect("early");
        await early.close(1000);
      }
    }
  },
};

setTimeout(() => { throw new Error(`${chosen} does not end`); }, 60000).unref();
await cases[chosen]();
console.log("ok");
