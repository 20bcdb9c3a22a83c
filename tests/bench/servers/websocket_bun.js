// websocket_bun.js - the echo and the broadcast of `./dev bench websocket` on Bun, whose WebSockets are those of
// uWebSockets: it sends what one read has brought together, and its topics encode a broadcast once.
//
//     bun websocket_bun.js HOST PORT [broadcast]
const [hostname, port, word] = process.argv.slice(2)

const server = Bun.serve({
  hostname,
  port: Number(port),
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response('a WebSocket is wanted', { status: 426 })
  },
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    maxPayloadLength: 16 << 20,
    open(client) {
      if (word === 'broadcast') client.subscribe('all')
    },
    message(client, message) {
      if (word === 'broadcast') server.publish('all', message)
      else client.send(message)
    },
  },
})
