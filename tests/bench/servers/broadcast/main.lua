-- Everybody gets what anybody sends.
function on_receive(_, packet) broadcast(packet) end
