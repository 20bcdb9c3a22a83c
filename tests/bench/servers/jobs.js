// jobs.js - jobs and calls on node: node jobs.js job|call|many COUNT
//
// job: a pool of four worker threads, which are sent a text each and send it back, one after the other;
// many: the same with all at once, and each thread rests for 5 ms; call: one thread and a MessageChannel.
'use strict';
const { MessageChannel, Worker, isMainThread, parentPort } = require('node:worker_threads');
const THREADS = 4;
const text = 'x'.repeat(64);

function serve(port) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  port.on('message', (message) => {
    if (message.port) return serve(message.port);
    if (message.rest > 0) Atomics.wait(cell, 0, 0, message.rest);
    port.postMessage(message.text);
  });
}

// Runs what it is asked on threads that are idle: the one that was busy last comes first.
class Pool {
  constructor(ports) {
    this.idle = ports;
    this.queue = [];
    for (const port of ports)
      port.on('message', (answer) => {
        const done = port.done;
        this.idle.push(port);
        this.next();
        done(answer);
      });
  }

  ask(message) {
    return new Promise((done) => {
      this.queue.push({ message, done });
      this.next();
    });
  }

  next() {
    if (this.queue.length === 0 || this.idle.length === 0) return;
    const { message, done } = this.queue.shift();
    const port = this.idle.pop();
    port.done = done;
    port.postMessage(message);
  }
}

const now = () => Number(process.hrtime.bigint()) / 1000;
const cpu = () => process.cpuUsage().user + process.cpuUsage().system;

async function measure(pool, count) {
  const took = [];
  for (let i = 0; i < count / 10; i++) await pool.ask({ text });
  const cpuBegin = cpu(), begin = now();
  for (let i = 0; i < count; i++) {
    const asked = now();
    if ((await pool.ask({ text })) !== text) throw new Error('another text came back');
    took.push(now() - asked);
  }
  const mean = (now() - begin) / count, each = (cpu() - cpuBegin) / count;
  took.sort((a, b) => a - b);
  const part = (p) => took[Math.ceil(count * p) - 1].toFixed(2);
  console.log(`mean_us=${mean.toFixed(2)} cpu_us=${each.toFixed(2)} p50_us=${part(0.5)} p99_us=${part(0.99)}`);
}

async function many(pool, count) {
  const begin = now();
  await Promise.all(Array.from({ length: count }, () => pool.ask({ text, rest: 5 })));
  console.log(`seconds=${((now() - begin) / 1e6).toFixed(4)}`);
}

async function main([what, words]) {
  const count = Number(words), threads = what === 'call' ? 1 : THREADS;
  const workers = Array.from({ length: threads }, () => new Worker(__filename));
  await Promise.all(workers.map((worker) => new Promise((done) => worker.once('online', done))));
  const ports = workers.map((worker) => {
    if (what !== 'call') return worker;
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ port: port2 }, [port2]);
    return port1;
  });
  await (what === 'many' ? many : measure)(new Pool(ports), count);
  process.exit();
}

if (isMainThread) main(process.argv.slice(2));
else serve(parentPort);
