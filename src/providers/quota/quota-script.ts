/**
 * `step` and what it calls (engine/), function by function in Lua, so that Redis makes an exchange in one atomic step. A
 * change there is a change here: quota-script.int.spec.ts runs both on the same random histories.
 */
const CHARGES = `
local function expired_at(q, now) return now - q.periodMs - q.guardMs end
local function sum_of(b, counts)
  local sum = 0
  for n = 1, #b.charges, 3 do
    if counts(b.charges[n], b.charges[n + 1]) then sum = sum + b.charges[n + 2] end
  end
  return sum
end
local function charge(b, q, from, to, calls)
  local grain = math.max(1, math.floor(q.periodMs / 400))
  local till = math.ceil(to / grain) * grain
  for n = #b.charges - 2, 1, -3 do
    if b.charges[n + 1] == till then
      b.charges[n] = math.min(b.charges[n], from)
      b.charges[n + 2] = b.charges[n + 2] + calls
      return
    end
  end
  for _, value in ipairs({ from, till, calls }) do b.charges[#b.charges + 1] = value end
end
local function prune(b, q, now)
  local expired = expired_at(q, now) - math.min(2000, q.periodMs)
  local kept = {}
  for n = 1, #b.charges, 3 do
    if b.charges[n + 1] > expired then
      for i = n, n + 2 do kept[#kept + 1] = b.charges[i] end
    end
  end
  b.charges = kept
end
local function windows_at(b, q, from, to)
  return math.floor((from + b.clockFrom - q.guardMs) / q.periodMs), math.floor((to + b.clockTo + q.guardMs) / q.periodMs)
end
local function counted_in(b, q, now)
  local expired = expired_at(q, now)
  local all = sum_of(b, function(_, to) return to > expired end)
  if b.model ~= 'aligned' or b.clockFrom > b.clockTo then return all end
  local most = 0
  local first, last = windows_at(b, q, now, now)
  for window = first, last do
    most = math.max(most, sum_of(b, function(from, to)
      if to <= expired then return false end
      if from < b.clockAt then return true end
      local earliest, latest = windows_at(b, q, from, to)
      return earliest <= window and window <= latest
    end))
  end
  return most
end
local function next_room_at(b, q, now)
  local at = now + q.periodMs + q.guardMs
  for n = 2, #b.charges, 3 do
    if b.charges[n] > expired_at(q, now) then at = math.min(at, b.charges[n] + q.periodMs + q.guardMs) end
  end
  if b.model == 'anchored' and b.anchorTo > 0 then at = math.min(at, b.anchorTo + q.periodMs + q.guardMs) end
  if b.model == 'aligned' and b.clockFrom <= b.clockTo then
    local first = windows_at(b, q, now, now)
    at = math.min(at, (first + 1) * q.periodMs - b.clockFrom + q.guardMs)
  end
  return at
end
local function close_anchored(b, q, now, out)
  if b.anchorTo == 0 or now < b.anchorTo + q.periodMs + q.guardMs then return end
  local earliest = b.anchorFrom + q.periodMs
  if out == 0 and sum_of(b, function(_, to) return to >= earliest end) == 0 then
    b.charges = {}
    b.epoch = b.epoch + 1
    b.openedAt = now
  end
  b.anchorFrom = 0
  b.anchorTo = 0
end
`;

const SETTLE = `
local function out_of(b)
  local out = 0
  for _, h in pairs(b.holders) do out = out + h.out end
  return out
end
local function limit_of(b, now)
  local cap = now < b.capUntil and b.cap or 0
  if cap == 0 or b.limit == 0 then return math.max(cap, b.limit) end
  return math.min(cap, b.limit)
end
local function learn(b, told, q, at, now)
  if told.limit then
    local lower = b.limit == 0 or told.limit < b.limit
    b.cap = lower and told.limit or 0
    b.capUntil = lower and now + 2 * q.periodMs or 0
  end
  if told.remaining == 0 and told.resetMs and told.grantedAt >= b.openedAt then
    b.notBefore = math.max(b.notBefore, at + told.resetMs - 1000)
  end
end
local function compare(b, told, counted, accepted)
  local out = out_of(b)
  b.evidence = math.max(b.evidence, counted)
  b.evidenceAt = math.max(b.evidenceAt, told.grantedAt)
  if b.probes > 0 and out == 0 then
    b.probes = 0
    b.used = counted
    return
  end
  b.probes = math.max(0, b.probes - accepted)
  b.used = b.used + math.max(0, counted - b.used - b.doubt - out)
end
local function accept(b, e, at, now)
  local told, q = e.told, e.quota
  b.refusals = 0
  if told then learn(b, told, q, at, now) else b.doubtAt = math.max(b.doubtAt, at) end
  local limit = told and told.limit or limit_of(b, now)
  if not told or told.grantedAt < b.openedAt or limit == 0 then
    b.probes = math.max(0, b.probes - e.accepted)
    return
  end
  local counted = math.max(0, limit - told.remaining)
  if q.model == 'n_then_block' then return compare(b, told, counted, e.accepted) end
  b.probes = 0
  local since = told.grantedAt - q.periodMs
  local others = counted - sum_of(b, function(_, to) return to > since end) - out_of(b)
  if others > 0 then charge(b, q, told.grantedAt, now, others) end
end
local function refuse(b, e, at)
  local refusal, q = e.refusal, e.quota
  if not refusal or refusal.epoch < b.epoch then return end
  local backoff = math.min(60000, 100 * 2 ^ math.min(b.refusals, 20))
  b.refusals = b.refusals + 1
  local said = refusal.retryAfterMs or (b.limit > 0 and q.model ~= 'none' and q.periodMs or 0)
  b.until_ = math.max(b.until_, at + math.max(said, backoff))
  b.probes = 1
  b.doubt, b.evidence, b.evidenceAt = 0, 0, 0
end
local function learn_clock(b, clock, now)
  if not clock then return end
  local from, to = math.max(b.clockFrom, clock.from), math.min(b.clockTo, clock.to)
  local known = b.clockFrom <= b.clockTo
  if known and from <= to then
    b.clockFrom, b.clockTo = from, to
    return
  end
  b.clockFrom, b.clockTo = clock.from, clock.to
  if known then b.clockAt = now end
end
local function settle(b, h, e, now)
  local q = e.quota
  local at = now - e.agoMs
  local counted = e.accepted + e.ambiguous
  h.out = h.out - counted - e.unsent - e.refused
  learn_clock(b, e.clock, now)
  if counted > 0 and q.model == 'n_then_block' then
    b.used = b.used + e.accepted
    b.lastAt = math.max(b.lastAt, at)
  elseif counted > 0 and q.model ~= 'none' then
    charge(b, q, e.since, at, counted)
    if b.anchorFrom > 0 and b.anchorTo == 0 then b.anchorTo = at end
  end
  if e.ambiguous > 0 and q.model == 'n_then_block' then
    b.doubt = b.doubt + e.ambiguous
    b.doubtAt = math.max(b.doubtAt, at)
  end
  if e.accepted > 0 then accept(b, e, at, now) end
  refuse(b, e, at)
end
`;

const STEP = `
local function holders_of(b)
  local count = 0
  for _ in pairs(b.holders) do count = count + 1 end
  return count
end
local function adopt(b, q, now)
  if b.model ~= q.model then
    b.model, b.charges, b.used, b.doubt, b.evidenceAt = q.model, {}, 0, 0, 0
    b.anchorFrom, b.anchorTo, b.probes = 0, 0, 1
    b.until_ = q.model == 'none' and 0 or now + q.periodMs + q.guardMs
  elseif q.limit > 0 and q.limit < b.limit then
    b.lastAt = math.max(b.lastAt, now)
  end
  b.limit = q.limit
end
local function give_up(b, q, h, now)
  if q.model ~= 'n_then_block' then return charge(b, q, h.since, now, h.out) end
  local written = math.min(now, h.grantAt + 250)
  b.doubt = b.doubt + h.out
  b.doubtAt = math.max(b.doubtAt, written)
  b.lastAt = math.max(b.lastAt, written)
end
local function pass(b, q, now)
  adopt(b, q, now)
  local dead = {}
  for id, h in pairs(b.holders) do
    if now - h.at > 2000 then dead[#dead + 1] = id end
  end
  for _, id in ipairs(dead) do
    if b.holders[id].out > 0 then give_up(b, q, b.holders[id], now) end
    b.holders[id] = nil
  end
  prune(b, q, now)
end
local function drain(b, q, now)
  if b.doubt > 0 and b.evidenceAt > 0 and b.evidenceAt >= b.doubtAt then
    b.used = math.max(b.used, b.evidence)
    b.doubt = 0
  end
  local limit = limit_of(b, now)
  if limit == 0 or b.used + b.doubt < limit then return end
  b.until_ = math.max(b.lastAt + q.periodMs + q.guardMs, b.notBefore)
end
local function turn(b, q, now)
  local out = out_of(b)
  if q.model == 'anchored' then close_anchored(b, q, now, out) end
  if q.model == 'n_then_block' and b.until_ == 0 and out == 0 then drain(b, q, now) end
  if b.until_ == 0 or now < b.until_ then return end
  if b.doubt > 0 then b.probes = math.max(b.probes, b.doubt + 1) end
  b.until_, b.used, b.doubt, b.notBefore, b.evidence, b.evidenceAt = 0, 0, 0, 0, 0, 0
  b.epoch = b.epoch + 1
  b.openedAt = now
end
local function room_for(b, q, now)
  if b.until_ > 0 then return 0, 0 end
  local out = out_of(b)
  local limit = q.model == 'none' and 0 or limit_of(b, now)
  local counted = q.model == 'n_then_block' and b.used + b.doubt or counted_in(b, q, now)
  local room = limit == 0 and 10000 or math.max(0, limit - counted - out)
  if b.probes > 0 then return out == 0 and math.min(1, room) or 0, 1 end
  return room, limit == 0 and room or math.max(1, math.floor(room / (2 * holders_of(b))))
end
local function give(b, q, h, granted, now)
  if granted == 0 then return end
  if q.model == 'anchored' and counted_in(b, q, now) == 0 and out_of(b) == 0 then
    b.anchorFrom, b.anchorTo = now, 0
  end
  if h.out == 0 then h.since = now end
  h.out = h.out + granted
  h.grantAt = now
end
local function answer(b, q, now)
  if b.until_ > 0 then return 'blocked', b.until_ - now end
  if room_for(b, q, now) > 0 then return 'open', 0 end
  local out = out_of(b)
  local poll = 20 + 8 * holders_of(b)
  local phase = out > 0 and 'draining' or 'blocked'
  if q.model == 'n_then_block' or b.probes > 0 or counted_in(b, q, now) == 0 then return phase, poll end
  local wait = math.max(1, next_room_at(b, q, now) - now)
  return phase, out > 0 and math.min(wait, poll) or wait
end
local function step(b, e, now)
  local q = e.quota
  pass(b, q, now)
  local known = b.holders[e.holder]
  if known and e.seq <= known.seq then
    local phase, retry = answer(b, q, now)
    return { known.granted, b.epoch, phase, retry, now, 0 }
  end
  local lapsed = (known and known.out or 0) ~= e.holds
  local h = known or { seq = 0, granted = 0, out = 0, since = 0, grantAt = 0, at = 0 }
  b.holders[e.holder] = h
  if not lapsed then settle(b, h, e, now) end
  turn(b, q, now)
  local room, most = room_for(b, q, now)
  local granted = lapsed and 0 or math.max(0, math.min(e.wanted, room, most))
  give(b, q, h, granted, now)
  h.seq, h.granted, h.at = e.seq, granted, now
  local phase, retry = answer(b, q, now)
  if granted >= e.wanted then retry = 0 end
  return { granted, b.epoch, phase, retry, now, lapsed and 1 or 0 }
end
`;

/** Lua reserves the word `until`. */
const WIRE = `
local function read(text)
  local b = cjson.decode(text)
  b.until_, b['until'] = b['until'], nil
  return b
end
local function write(b)
  b['until'], b.until_ = b.until_, nil
  return cjson.encode(b)
end
`;

/** Defines `read`, `write` and `step`. Reads no clock and no key. */
export const STEP_LUA = CHARGES + SETTLE + STEP + WIRE;
