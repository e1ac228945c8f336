#!/bin/bash
# Rehearses docs/operations/install.md, upgrades.md and backup.md on this machine: installs ioCash from a
# checkout, adds staff, a client and a key, pays through nginx, upgrades and goes back without a failed
# request, backs up,
# destroys both stores and restores them. It runs the commands of the pages themselves, with other
# folders and ports: nothing of the machine's own services is touched. All that it starts ends.
#
#   deploy/rehearse.sh            in a new folder in /tmp, as this user
#
# Environment: VENV (a virtual environment to use, instead of a new one), PG_BIN (the folder of
# PostgreSQL's programs), KEEP=1 (keep the folder). As root, PostgreSQL and PgBouncer run as `postgres`.
set -Eeuo pipefail

PATH=$PATH:/usr/sbin  # of nginx and PgBouncer; users other than root lack it
CHECKOUT=$(cd "$(dirname "$0")/.." && pwd)
PAGES=$CHECKOUT/docs/operations
R=$(mktemp -d /tmp/rehearsal-XXXXXX)
chmod 0755 "$R"
PIDS=()
declare -A UNITS

timedatectl() { :; }
say() { printf '%7.1f s  %s\n' "$(bc <<<"$(date +%s.%N) - $BEGAN")" "$1"; }
fail() { echo "rehearse.sh: $1" >&2; exit 1; }

# --- What it starts, and how it ends ----------------------------------------------------------------

end_process() {  # PID [SIGNAL] [SECONDS]
  kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
  for _ in $(seq $((${3:-40} * 10))); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
  code=$?
  set +e
  trap - EXIT ERR
  for unit in iocash-web iocash-web2 iocash-worker nginx pgbouncer; do stop_unit "$unit"; done
  stop_unit postgresql
  for pid in "${PIDS[@]}"; do end_process "$pid" TERM 5; done
  if [ $code != 0 ]; then
    echo "The last lines of the logs:" >&2
    tail -n 15 "$R"/log/*.log >&2
  fi
  if [ -z "${KEEP:-}" ]; then rm -rf "$R"; else echo "Kept: $R"; fi
  exit $code
}
trap clean_up EXIT
trap 'echo "rehearse.sh: line $LINENO: $BASH_COMMAND" >&2' ERR

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# --- The machine that the pages expect, inside the folder --------------------------------------------

translate() {  # the paths and ports of the pages, to those of the rehearsal
  sed -E \
    -e "s#/(srv/iocash|etc/iocash|etc/systemd|etc/nginx|etc/pgbouncer|etc/cron\.d|var/lib/iocash|var/backups|var/log/nginx)#$R/\1#g" \
    -e "s#127\.0\.0\.1:5432#127.0.0.1:$P_DATABASE#g; s#127\.0\.0\.1:6432#127.0.0.1:$P_POOLER#g" \
    -e "s#^listen_port = 6432#listen_port = $P_POOLER#; s#port=5432#port=$P_DATABASE#" \
    -e "s#(127\.0\.0\.1|iocash-web):8000#\1:$P_ONE#g; s#(127\.0\.0\.1|iocash-web2):8001#\1:$P_TWO#g" \
    -e "s#listen 443 ssl#listen 127.0.0.1:$P_PROXY ssl#; s#https://pay\.example/(readyz|api)#https://pay.example:$P_PROXY/\1#g" \
    -e "s#https://sms\.example#http://127.0.0.1:$P_SMS#g"
}

block() {  # PAGE NAME: run a block of a page
  local code
  code=$(sed -n "/^\`\`\`sh $2\$/,/^\`\`\`\$/p" "$PAGES/$1.md" | sed '1d;$d' | translate)
  [ -n "$code" ] || fail "$1.md has no block $2."
  eval "$code"
  say "$1.md: $2"
}

apt-get() {
  for program in git curl openssl nginx pgbouncer; do
    command -v "$program" >/dev/null || fail "$program is not installed."
  done
}

is_root() { [ "$(id -u)" = 0 ]; }
useradd() { :; }
chown() { if is_root; then command chown "$@"; fi; }
install() {  # the account of the server is the current one
  local words=()
  while [ $# -gt 0 ]; do
    case $1 in
      -o) [ "$2" = postgres ] && is_root && words+=(-o postgres -g postgres); shift 2 ;;
      -g) shift 2 ;;
      *) words+=("$1"); shift ;;
    esac
  done
  command install "${words[@]}"
}
runuser() {  # -u ACCOUNT -- COMMAND
  local account=$2
  shift 3
  if is_root && [ "$account" = postgres ]; then command runuser -u postgres -- env "PATH=$PATH" "$@"; else "$@"; fi
}
curl() { command curl --cacert "$R/etc/iocash/tls/certificate.pem" --resolve "pay.example:$P_PROXY:127.0.0.1" "$@"; }
nginx() { command nginx -p "$R/nginx" -c "$R/etc/nginx/nginx.conf" -g "pid $R/nginx/pid; $NGINX_USER" "$@" 2>"$R/log/nginx-test.log"; }

systemctl() {
  local verb=$1 unit
  shift
  if [ "$verb" = --no-pager ]; then echo "${!UNITS[@]}"; return; fi
  for unit in "$@"; do
    case $verb:$unit in
      daemon-reload:* | enable:--now) ;;
      stop:*) stop_unit "$unit" ;;
      restart:*) stop_unit "$unit"; start_unit "$unit" ;;
      start:* | enable:*) start_unit "$unit" ;;
    esac
  done
}

stop_unit() {
  [ -n "${UNITS[$1]:-}" ] || return 0
  case $1 in
    postgresql) runuser -u postgres -- "$PG_BIN/pg_ctl" -D "$R/postgresql" -m fast -s stop || true ;;
    nginx) end_process "${UNITS[nginx]}" QUIT 10 ;;
    *) end_process "${UNITS[$1]}" ;;
  esac
  UNITS[$1]=
}

start_unit() {
  case $1 in
    postgresql)
      runuser -u postgres -- "$PG_BIN/pg_ctl" -D "$R/postgresql" -l "$R/log/postgresql.log" -s -t 60 start
      UNITS[$1]=running ;;
    pgbouncer)
      translate <"$R/etc/pgbouncer/pgbouncer.ini" >"$R/etc/pgbouncer/here.ini"
      run_pooler >>"$R/log/pgbouncer.log" 2>&1 &
      UNITS[$1]=$!
      await "$P_POOLER" ;;
    nginx)
      local kind places=""
      for kind in client_body proxy fastcgi uwsgi scgi; do places+="${kind}_temp_path $R/nginx/$kind; "; done
      sed -i "s#^http {\$#http { $places#" "$R/etc/nginx/nginx.conf"
      run_nginx >>"$R/log/nginx.log" 2>&1 &
      UNITS[$1]=$!
      await "$P_PROXY" ;;
    *) run_service "$1" ;;
  esac
}

run_pooler() {  # PgBouncer refuses to be root
  local command
  command="pgbouncer -q $R/etc/pgbouncer/here.ini"
  # shellcheck disable=SC2086
  if is_root; then exec setpriv --reuid postgres --regid postgres --clear-groups $command; fi
  # shellcheck disable=SC2086
  exec $command
}

run_nginx() {
  exec nginx -p "$R/nginx" -c "$R/etc/nginx/nginx.conf" \
    -g "pid $R/nginx/pid; daemon off; $NGINX_USER"
}

await() {  # PORT: until something listens
  for _ in $(seq 100); do
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.1
  done
  fail "Nothing listens on port $1."
}

run_service() {  # what the unit says: its folder, its settings and its command
  local file=$R/etc/systemd/system/$1.service command
  command=$(translate <"$file" | sed -n "s/^ExecStart=//p" | sed "s/--port 8000/--port $P_ONE/; s/--port 8001/--port $P_TWO/")
  (
    cd "$R/srv/iocash"
    set -a
    . "$R/etc/iocash/environment"
    set +a
    # shellcheck disable=SC2086
    exec $command
  ) >>"$R/log/$1.log" 2>&1 &
  UNITS[$1]=$!
}

prepare() {
  mkdir -p "$R"/{srv,log,nginx,etc/nginx,etc/pgbouncer,etc/cron.d,etc/systemd/system,var/backups,var/log/nginx}
  chmod 0777 "$R/log"
  P_DATABASE=$(free_port) P_POOLER=$(free_port) P_ONE=$(free_port) P_TWO=$(free_port) P_PROXY=$(free_port) P_SMS=$(free_port)
  NGINX_USER=""
  if is_root; then NGINX_USER="user root;"; fi
  PG_BIN=${PG_BIN:-$(find_postgresql)}
  [ -x "$PG_BIN/initdb" ] || fail "There is no PostgreSQL 15 or newer: set PG_BIN."
  export PATH=$PG_BIN:$PATH PGHOST=$R/socket PGPORT=$P_DATABASE PGUSER=postgres PGDATABASE=postgres
  export SETTINGS=$R/etc/iocash ACCOUNT BACKUPS=$R/var/backups/iocash DOCUMENTS_DIR=$R/var/lib/iocash/documents
  ACCOUNT=$(id -un)
  command install -d -m 0700 "$R/postgresql" "$R/socket"
  chown postgres: "$R/postgresql" "$R/socket"
  runuser -u postgres -- "$PG_BIN/initdb" -D "$R/postgresql" --username=postgres --auth-local=trust \
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C >"$R/log/initdb.log" 2>&1
  runuser -u postgres -- tee -a "$R/postgresql/postgresql.conf" >/dev/null <<END
port = $P_DATABASE
listen_addresses = '127.0.0.1'
unix_socket_directories = '$R/socket'
END
  start_unit postgresql
}

find_postgresql() {
  local python=${VENV:-$CHECKOUT/.venv}/bin/python
  if [ -x "$python" ]; then
    (cd "$CHECKOUT" && "$python" -c '
import os, pwd
from pathlib import Path
from iocash.postgres import binaries
rights = {} if os.geteuid() else {"user": pwd.getpwnam("postgres").pw_uid}
print(binaries.within_reach(binaries.find(), rights, Path("/var/lib/iocash")) if rights else binaries.find())')
  else
    find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -n 1
  fi
}

make_venv() {
  if [ -n "${VENV:-}" ]; then
    ln -s "$(realpath "$VENV")" "$R/srv/iocash/.venv"
    say "install.md: venv (left out: $VENV is used)"
  else
    block install venv
  fi
}

# --- What callers do ---------------------------------------------------------------------------------

take_messages() {  # the SMS gateway: it writes what it is asked to send
  python3 - "$P_SMS" "$R/messages" <<'PY' >/dev/null 2>&1 &
import http.server, json, sys
class Gateway(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2], "a") as out:
            out.write(asked["to"] + " " + asked["text"] + "\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
PY
  PIDS+=($!)
}

field() { python3 -c 'import functools, json, sys
print(functools.reduce(lambda at, name: at[int(name) if name.isdigit() else name], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }

call() {  # METHOD PATH [BODY] [IDEMPOTENCY-KEY]
  curl --fail-with-body --silent --show-error --max-time 40 --retry 5 --retry-delay 1 -X "$1" -H "Authorization: Bearer $KEY" \
    ${3:+-H "Content-Type: application/json" -d "$3"} ${4:+-H "Idempotency-Key: $4"} "https://pay.example:$P_PROXY/api/v1$2"
}

add_user() {  # NAME PHONE: print the id of the first wallet
  local user code
  user=$(call POST /users "{\"kind\": \"NATURAL\", \"userName\": \"$1\", \"firstName\": \"$1\", \"lastName\": \"Example\", \"mobilePhone\": \"$2\"}" | field id)
  for _ in $(seq 300); do
    code=$(grep -F -- "$2 " "$R/messages" 2>/dev/null | grep -oE '[0-9]{6}' | tail -n 1 || true)
    code=$(sed -n "s/^[+]${2#+} .*\b\([0-9]\{6\}\)\b.*/\1/p" "$R/messages" 2>/dev/null | tail -n 1)
    [ -z "$code" ] || break
    sleep 0.1
  done
  call POST "/users/$user/validate-otp" "{\"otp\": \"$code\"}" >/dev/null
  call GET "/wallets?userId=$user" | field _embedded.wallets.0.id
}

balance() { call GET "/wallets/$1" | field balance; }

pay_on() {  # pay cents until the file is gone; write each answer's status
  local number=0
  while [ -e "$R/paying" ]; do
    number=$((number + 1))
    curl --silent --max-time 40 -o /dev/null -w '%{http_code}\n' -X POST -H "Authorization: Bearer $KEY" -H "Idempotency-Key: on-$number" \
      -H 'Content-Type: application/json' -d "{\"type\": \"TRANSFER\", \"targetWalletId\": \"$BOB\", \"amount\": \"0.01\"}" \
      "https://pay.example:$P_PROXY/api/v1/wallets/$ALICE/movements" >>"$R/statuses" || echo failed >>"$R/statuses"
  done
}

upgrade() {
  local payer
  touch "$R/paying" && : >"$R/statuses"
  pay_on &
  payer=$!
  PIDS+=("$payer")
  for name in before migrate restart look back forward restart; do block upgrades "$name"; done
  rm "$R/paying"
  wait "$payer"
  PAID=$(grep -c '^201$' "$R/statuses")
  if grep -v '^201$' "$R/statuses"; then fail "Requests failed during the upgrade."; fi
  say "upgraded while $PAID payments were made: none failed"
}

await_server() {
  for _ in $(seq 600); do
    curl --silent --fail "https://pay.example:$P_PROXY/readyz" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "The server is not ready."
}

euros() { bc <<<"scale=2; ($1 + $PAID) / 100"; }  # CENTS, and what was paid during the upgrade

verify_balance() {  # WALLET EXPECTED WORDS
  local found
  found=$(runuser -u postgres -- psql -d iocash -Atc "SELECT balance FROM wallets_wallet WHERE id = '$1'")
  [ "$found" = "$2" ] || fail "$3: the balance is $found, and must be $2."
  say "$3"
}

now() { date -u +%Y-%m-%dT%H:%M:%S.%6NZ; }
anchor() { "$R/srv/iocash/deploy/manage" anchor "$R/var/lib/iocash/anchors/iocash-anchor-$(date -u +%Y-%m-%dT%H%M%S.%3NZ).txt"; }

# --- The rehearsal -----------------------------------------------------------------------------------

BEGAN=$(date +%s.%N)
echo "The folder: $R"
REPOSITORY=$CHECKOUT
apt-get
prepare
say "a PostgreSQL of its own, $("$PG_BIN/postgres" --version)"
take_messages

block install code
make_venv
for name in secrets database quiet pgbouncer tables units certificate nginx staff client; do block install "$name"; done
await_server

ALICE=$(add_user alice +34600000041)
BOB=$(add_user bob +34600000042)
call POST "/wallets/$ALICE/movements" '{"type": "CASH_IN", "amount": "100.00"}' card-1 >/dev/null
call POST "/wallets/$ALICE/movements" "{\"type\": \"TRANSFER\", \"targetWalletId\": \"$BOB\", \"amount\": \"12.50\"}" lunch-1 >/dev/null
[ "$(balance "$BOB")" = 12.50 ] || fail "Bob has not got the payment."
say "the first payment, through nginx"

upgrade
PREFIX=$(runuser -u postgres -- psql -d iocash -Atc 'SELECT prefix FROM users_apikey')

for name in secret-key app-password; do block secrets "$name"; done
await_server
[ "$(balance "$BOB")" = "$(euros 1250)" ] || fail "The server answers otherwise with its new secrets."

block backup archive
block backup cron
call POST "/wallets/$ALICE/movements" "{\"type\": \"TRANSFER\", \"targetWalletId\": \"$BOB\", \"amount\": \"1.00\"}" kept-1 >/dev/null
sleep 1.1
INSTANT=$(now)
sleep 0.1
call POST "/wallets/$ALICE/movements" "{\"type\": \"TRANSFER\", \"targetWalletId\": \"$BOB\", \"amount\": \"2.00\"}" lost-1 >/dev/null
anchor
"$R/srv/iocash/deploy/backup.sh" documents
runuser -u postgres -- psql -Atqc 'SELECT pg_switch_wal()' >/dev/null
for _ in $(seq 300); do
  block backup archived >"$R/archived"
  if grep -q '^0|' "$R/archived"; then break; fi
  sleep 0.1
done
say "backed up"

for name in look disk-full pooler worker locks replica clock leaked-key lost-factor audit; do block incidents "$name"; done
for name in connections disk; do block sizing "$name"; done
for name in archive due; do block retention "$name"; done
block backup stop
block backup instant
verify_balance "$BOB" $((1350 + PAID)) "restored to the instant: the later payment is not there"
systemctl stop postgresql
rm -rf "$DATA" "$R/var/lib/iocash/documents"
block backup restore
verify_balance "$BOB" $((1550 + PAID)) "restored to the end: every payment is there"
block backup afterwards
await_server
[ "$(balance "$BOB")" = "$(euros 1550)" ] || fail "The restored server answers otherwise."
say "the restored server answers"
