// websocket.js - the echo and the broadcast of `./dev bench websocket` on npm's ws, as its documentation writes them.
//
//     node websocket.js MODULES HOST PORT [broadcast]
const { createRequire } = require('module')

const [modules, host, port, word] = process.argv.slice(2)
const { WebSocketServer } = createRequire(modules + '/')('ws')

const server = new WebSocketServer({ host, port: Number(port), backlog: 4096, clientTracking: word === 'broadcast' })

function echo(data, isBinary) {
  this.send(data, { binary: isBinary })
}

function broadcast(data, isBinary) {
  for (const client of server.clients) client.send(data, { binary: isBinary })
}

server.on('connection', client => {
  client.on('message', word === 'broadcast' ? broadcast : echo)
  client.on('error', () => {}) // the clients that measure reset their connections
})
