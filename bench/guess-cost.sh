#!/usr/bin/env bash
# What guessing costs: the server's CPU time for 10,000 wrong passwords from 100 addresses, some 500 a second, and how
# long users with right passwords wait meanwhile. Needs wrk and curl.
#
#   bench/guess-cost.sh [PROGRAM] [NAMES]    the defaults are artifacts/publish/berth and 1000 names guessed at
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
names=${2:-1000}
root=http://127.0.0.1:5598
password=longpassword
users=30
folder=$(mktemp -d)
server=
trap '{ [ -z "$server" ] || { kill "$server" && wait "$server"; }; } 2>/dev/null || true; rm -rf "$folder"' EXIT

cat >"$folder/guesses.lua" <<LUA
local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(text)
  local digits = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 18, 0, -6 do
      local digit = math.floor(bits / 2 ^ shift) % 64 + 1
      digits[#digits + 1] = alphabet:sub(digit, digit)
    end
  end
  local missing = -#text % 3
  return table.concat(digits, '', 1, #digits - missing) .. ('='):rep(missing)
end

local sent = 0
request = function()
  sent = sent + 1
  return wrk.format('GET', '/v2/', {
    Authorization = 'Basic ' .. base64('name' .. sent % $names .. ':guess ' .. sent),
    ['X-Forwarded-For'] = '203.0.113.' .. sent % 100,
  })
end

-- Milliseconds between the requests of each of 300 connections.
delay = function() return 600 end

local answers = {}
local answered = 0
response = function(status)
  answers[status] = (answers[status] or 0) + 1
  answered = answered + 1
  if answered ~= 10000 then return end
  io.stderr:write(string.format('%d looked at, %d told to wait\n', answers[401] or 0, answers[429] or 0))
  io.stderr:flush()
end
LUA

env REGISTRY_HTTP_ADDR=127.0.0.1:5598 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/store" \
  REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_HTTP_TRUSTEDPROXIES_0=127.0.0.1 \
  REGISTRY_AUTH_LOCAL_ENABLED=true REGISTRY_AUTH_LOCAL_ADMINPASSWORD=$password "$program" serve >/dev/null 2>&1 &
server=$!
curl -s --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null $root/v2/

# Each signs in once, so nothing of them is remembered.
for i in $(seq $users); do
  curl -sf -u "admin:$password" -H 'Content-Type: application/json' -d "{\"name\":\"right$i\",\"password\":\"$password\"}" \
    -o /dev/null $root/api/v1/users
done

now() { date +%s.%N; }
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$server/stat"; }

before=$(cpu)
start=$(now)
wrk -t1 -c300 -d120 -s "$folder/guesses.lua" $root >/dev/null 2>"$folder/answers" &
guessing=$!
right=0
longest=0
while [ ! -s "$folder/answers" ]; do
  sleep 0.5
  [ "$right" -lt "$users" ] || continue
  right=$((right + 1))
  took=$(curl -sf --retry 20 -u "right$right:$password" -H "X-Forwarded-For: 198.51.100.$right" -o /dev/null \
    -w "%{time_total}" $root/v2/) ||
    { echo "guess-cost: a right password was refused" >&2; exit 1; }
  longest=$(awk -v a="$longest" -v b="$took" 'BEGIN { print (a > b ? a : b) }')
done
awk -v cpu="$(cpu)" -v before="$before" -v start="$start" -v end="$(now)" -v right="$right" -v longest="$longest" 'BEGIN {
  printf "10,000 guesses in %.1f s: %.2f s of CPU, %.2f of a core; %d right ones got in, each within %.2f s\n",
    end - start, cpu - before, (cpu - before) / (end - start), right, longest }'
cat "$folder/answers"
kill $guessing
