// node's tls, and npm's ws inside it: by_node.mjs CASE PORT PORT PORT, of lines, of lines for clients with a certificate, and of
// WebSockets. The server shows "two" to a client that asks for two.example, else "ec".
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import tls from "node:tls";

const [chosen, lines, asking, sockets] = process.argv.slice(2);
const ca = readFileSync("ca.pem");
const versions = ["TLSv1.2", "TLSv1.3"];

class Peer {
  static async connect(port, version, options = {}) {
    const peer = new Peer();
    peer.rest = Buffer.alloc(0);
    peer.sessions = [];
    peer.socket = tls.connect({
      host: "127.0.0.1", port, ca, servername: "localhost", minVersion: version, maxVersion: version, ...options,
    });
    peer.socket.setNoDelay();
    peer.socket.on("session", (session) => peer.sessions.push(session));
    await once(peer.socket, "secureConnect");
    return peer;
  }

  // The next line, without its end.
  async line() {
    for (;;) {
      const end = this.rest.indexOf("\n");
      if (end >= 0) {
        const line = this.rest.subarray(0, end);
        this.rest = this.rest.subarray(end + 1);
        return line;
      }
      const piece = this.socket.read();
      if (piece) this.rest = Buffer.concat([this.rest, piece]);
      else await once(this.socket, "readable");
    }
  }

  async ask(words) {
    this.socket.write(`${words}\n`);
    return (await this.line()).toString();
  }

  async leave() {
    this.socket.end();
    if (!this.socket.closed) await once(this.socket.resume(), "close");
  }
}

const cases = {
  async echoes() {
    for (const version of versions) {
      const peer = await Peer.connect(lines, version);
      assert.ok(peer.socket.authorized && peer.socket.getProtocol() === version);
      for (const size of [0, 1, 1000, 16383, 16384, 16385, 100000, 900000]) {
        const sent = randomBytes(size / 2 | 0).toString("hex");
        assert.equal(await peer.ask(sent), sent, size);
      }
      const many = Array.from({ length: 500 }, (_, i) => `line ${i}`);
      for (const line of many) peer.socket.write(line + "\n");
      for (const line of many) assert.equal((await peer.line()).toString(), line);
      await peer.leave();
    }
  },

  async resumes() {
    for (const version of versions) {
      let peer = await Peer.connect(lines, version);
      await peer.ask("tickets come no later than this");
      for (let i = 0; i < 5; i++) {
        const session = peer.sessions.at(-1) ?? peer.socket.getSession();
        await peer.leave();
        peer = await Peer.connect(lines, version, { session });
        assert.ok(peer.socket.isSessionReused());
        assert.match(await peer.ask("/tls"), / localhost yes$/);
      }
      await peer.leave();
    }
  },

  async names() {
    for (const version of versions) {
      for (const [servername, name] of [["localhost", "ec"], ["two.example", "two"]]) {
        const peer = await Peer.connect(lines, version, { servername });
        assert.equal(peer.socket.getPeerCertificate().subject.CN, name);
        assert.match(await peer.ask("/tls"), new RegExp(` ${servername} -$`));
        await peer.leave();
      }
      await assert.rejects(Peer.connect(lines, version, { servername: "three.example" }),
        { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
      await assert.rejects(Peer.connect(lines, version, { ca: [] }), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    }
  },

  async shows_itself() {
    const cert = readFileSync("client.pem"), key = readFileSync("client.key");
    for (const version of versions) {
      const peer = await Peer.connect(asking, version, { cert, key });
      assert.match(await peer.ask("/peer"), /CN=client by .*CN=The Office/);
      await peer.leave();
    }
    await assert.rejects(Peer.connect(asking, "TLSv1.2"), { code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" });
    const peer = await Peer.connect(asking, "TLSv1.3"); // which learns it after its own part of the handshake
    await assert.rejects(peer.ask("hello"), { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" });
  },

  async websockets() {
    const { WebSocket } = createRequire(new URL("../../../build/websocket/", import.meta.url))("ws");
    for (const version of versions) {
      const ws = new WebSocket(`wss://localhost:${sockets}/`,
        { ca, minVersion: version, maxVersion: version, family: 4, perMessageDeflate: false });
      await once(ws, "open");
      for (const size of [0, 1, 125, 126, 16380, 65535, 65536, 900000]) {
        const sent = randomBytes(size);
        ws.send(sent);
        assert.deepEqual((await once(ws, "message"))[0], sent, size);
      }
      ws.send("/tls");
      assert.match((await once(ws, "message"))[0].toString(), new RegExp(`^${version} .* localhost -$`));
      ws.close(1000);
      assert.equal((await once(ws, "close"))[0], 1000);
    }
  },
};

await cases[chosen]();
console.log("ok");
