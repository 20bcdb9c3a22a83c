// node.js - the work of the benchmark on node: node node.js HOST PORT [broadcast | tls CERTIFICATE KEY]
//
// Cuts packets behind a length of 4 bytes, little-endian, that counts itself; calls onReceive for each; what
// that sends on one read goes out in one write, back or to everybody.
'use strict';
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const [host, port, mode, certificate, key] = process.argv.slice(2);
const broadcasts = mode === 'broadcast';
const HEADER = 4;
const connections = new Set();

class Connection {
  constructor(socket) {
    this.socket = socket;
    this.rest = null;
    this.output = null;
    this.used = 0;
  }

  // Into one buffer for all that is sent on this read: cheaper than a buffer, and a part of a writev, each.
  send(packet) {
    const size = packet.length + HEADER;
    if (this.output === null || this.output.length - this.used < size) {
      this.flush();
      this.output = Buffer.allocUnsafe(Math.max(size, 65536));
    }
    this.output.writeUInt32LE(size, this.used);
    packet.copy(this.output, this.used + HEADER);
    this.used += size;
  }

  flush() {
    if (this.used === 0) return;
    const bytes = this.output.subarray(0, this.used);
    this.output = null;
    this.used = 0;
    if (broadcasts) for (const conn of connections) conn.socket.write(bytes);
    else this.socket.write(bytes);
  }

  take(bytes) {
    if (this.rest !== null) bytes = Buffer.concat([this.rest, bytes]);
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const size = bytes.readUInt32LE(at);
      if (bytes.length - at < size) break;
      onReceive(this, bytes.subarray(at + HEADER, at + size));
      at += size;
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : null;
    this.flush();
  }
}

function onReceive(conn, packet) {
  conn.send(packet);
}

function serve(socket) {
  const conn = new Connection(socket);
  connections.add(conn);
  socket.on('data', (bytes) => conn.take(bytes));
  socket.on('error', () => {});
  socket.on('close', () => connections.delete(conn));
}

const server = mode === 'tls'
  ? tls.createServer({ noDelay: true, cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, serve)
  : net.createServer({ noDelay: true }, serve);
server.listen({ host, port: Number(port), backlog: 4096 });
