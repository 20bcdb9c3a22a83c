-- Run by: moonport test scripts/webchat

test.workers(2)

test("a room and its names are those of all workers", function()
  local ann = test.connect({ listener = 1, path = "/chat?name=Ann" })
  local bob = test.connect({ listener = 2 })
  assert(ann.worker ~= bob.worker)
  test.equal(bob.sent[1], "* you are guest-1 in lobby, with 2: Ann, guest-1")
  bob:receive("/name Ann")
  test.equal(bob.sent[#bob.sent], "* somebody is called Ann already")
  bob:receive("hello")
  test.equal(ann.sent[#ann.sent], '{"kind":"said","name":"guest-1","text":"hello"}')
  ann:close()
  test.equal(bob.sent[#bob.sent], "* Ann left")
end)
