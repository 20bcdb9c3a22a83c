-- echo: every packet goes back to where it came from. Try it with: moonport talk 127.0.0.1:7000

function on_receive(conn, packet)
  conn:send(packet)
end
