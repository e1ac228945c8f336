-- What wrk sends, and what it keeps of the answers. `spec` is what load.py wrote for this run.

local spec = dofile(os.getenv("BENCH_SPEC"))
local threads = {}
local random, format = math.random, string.format

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  math.randomseed(spec.seed * 100 + number)
  for _ = 1, 10 do random() end
  made = assert(io.open(format("%s/made-%d", spec.folder, number), "w"))
  wrong = assert(io.open(format("%s/wrong-%d", spec.folder, number), "w"))
end

local function pair(wallets)
  if random(100) <= spec.hot then return random(1, wallets - 1), 0 end
  local source = random(0, wallets - 1)
  return source, (source + random(1, wallets - 1)) % wallets
end

local function raw(method, client, path, body)
  return format(
    "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\n"
      .. "Idempotency-Key: %s%08x%08x\r\nContent-Type: application/json\r\n"
      .. "Content-Length: %d\r\n\r\n%s",
    method, path, spec.host, client.secret, spec.run, random(0, 2147483647),
    random(0, 2147483647), #body, body)
end

local function transfer(client, target)
  local cents = random(1, 100)
  return format('{"type":"TRANSFER","targetWalletId":"%s%012d","amount":"%d.%02d"}',
    client.prefix, target, math.floor(cents / 100), cents % 100)
end

local orders = {}

function orders.transfer(client)
  local source, target = pair(client.wallets)
  return raw("POST", client, format(spec.path, client.prefix, source), transfer(client, target))
end

function orders.batch(client)
  local source, items = random(0, client.wallets - 1), {}
  for each = 1, spec.items do
    items[each] = transfer(client, (source + random(1, client.wallets - 1)) % client.wallets)
  end
  return raw("POST", client, format(spec.path, client.prefix, source),
    '{"movements":[' .. table.concat(items, ",") .. "]}")
end

function orders.read(client)
  local path = spec.path
  if path:find("%", 1, true) and not spec.fixed then
    path = format(path, client.prefix, random(0, client.wallets - 1))
  end
  return format("GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
    .. "Accept: application/json\r\n\r\n", path, spec.host, client.secret)
end

function request()
  return orders[spec.kind](spec.clients[random(#spec.clients)])
end

function response(status, headers, body)
  if status < 200 or status > 299 then
    wrong:write(status, " ", body:sub(1, 500):gsub("\n", " "), "\n")
    return
  end
  if spec.kind ~= "read" then
    made:write(body:match('"%a+":"([%x-]+)"') or "?", "\n")
  end
end

function done(summary, latency, requests)
  local file = assert(io.open(spec.folder .. "/summary", "w"))
  file:write(format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p95": %.3f, "p99": %.3f, '
      .. '"connect": %d, "read": %d, "write": %d, "timeout": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000,
    latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout))
  file:close()
end
