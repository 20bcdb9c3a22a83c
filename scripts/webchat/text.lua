-- text: what people send, made harmless, and JSON for browsers. Bytes in, bytes out.

local text = {}

-- How many bytes the character at `i` has (RFC 3629 section 4); nil: none begins there.
local function character(bytes, i)
  local first, second = bytes:byte(i, i + 1)
  if first < 0x80 then return 1 end
  if first < 0xc2 or first > 0xf4 or not second then return nil end
  local size = first < 0xe0 and 2 or first < 0xf0 and 3 or 4
  local least = first == 0xe0 and 0xa0 or first == 0xf0 and 0x90 or 0x80
  local most = first == 0xed and 0x9f or first == 0xf4 and 0x8f or 0xbf
  if second < least or second > most then return nil end
  if #bytes < i + size - 1 then return nil end
  for k = i + 2, i + size - 1 do
    local byte = bytes:byte(k)
    if byte < 0x80 or byte > 0xbf then return nil end
  end
  return size
end

-- Characters that move the cursor of a terminal, or turn or hide what is around them.
local function is_shown(piece)
  if #piece == 1 then return piece >= " " and piece ~= "\127" end
  return not (
    piece:find("^\194[\128-\160\173]")
    or piece:find("^\226\128[\139\142\143\168-\174]")
    or piece:find("^\226\129[\160-\175]")
    or piece:find("^\239\187\191")
    or piece:find("^\243\160")
  )
end

-- One line of at most so many characters: what is not UTF-8 or not to be seen becomes a space.
function text.clean(bytes, most)
  local pieces, i = {}, 1
  while i <= #bytes and #pieces < most do
    local size = character(bytes, i)
    local piece = size and bytes:sub(i, i + size - 1)
    pieces[#pieces + 1] = piece and is_shown(piece) and piece or " "
    i = i + (size or 1)
  end
  return (table.concat(pieces):gsub("^ +", ""):gsub(" +$", ""))
end

local function escape(character_)
  return ("\\u%04x"):format(character_:byte())
end

-- Strings, numbers, booleans and lists of those, and tables with names.
function text.json(value)
  if type(value) == "string" then return '"' .. value:gsub('[%c"\\]', escape) .. '"' end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if value.kind == nil then
    for i, element in ipairs(value) do parts[i] = text.json(element) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name, element in pairs(value) do
    parts[#parts + 1] = text.json(name) .. ":" .. text.json(element)
  end
  table.sort(parts) -- the same each time
  return "{" .. table.concat(parts, ",") .. "}"
end

return text
