#!/usr/bin/env bash
# How many edits a second a server makes durable, from 1 to 64 phones at once, on SQLite and on Postgres, side by side; what a shared
# commit brings against one each; and a morning on which 3,218 phones bring 60 edits each at the same moment.
#
#   scripts/bench-load.sh                 everything (about a quarter of an hour on two cores)
#   scripts/bench-load.sh rates           1 to 64 phones, 60 edits each
#   scripts/bench-load.sh commits         syncs of one edit, with commits shared and with one each
#   scripts/bench-load.sh storm [PHONES]  all phones at the same moment
#   scripts/bench-load.sh hostile         honest phones alone, and beside a phone that does its worst
#
# Stores lie in a temporary folder of TMPDIR (a disk, or fsync costs nothing); phones' files in memory. Starts a Postgres of its own
# and ends it. Loopback only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what="${1:-all}"
phones="${2:-3218}"
cargo build --release --locked -q -p gridledger-bench
program="${CARGO_TARGET_DIR:-target}/release/gridledger-bench"

folder="$(mktemp -d "${TMPDIR:-/var/tmp}/gridledger-bench-XXXXXX")"
binaries="$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)"
[ -n "$binaries" ] || binaries="$(dirname "$(command -v initdb)")"
as=()
if [ "$(id -u)" -eq 0 ]; then
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  chown postgres: "$folder"
  chmod 755 "$folder"
fi
database() { (cd "$folder" && "${as[@]}" "$binaries/$1" "${@:2}"); }
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
finish() {
  database pg_ctl -D "$folder/postgres" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap finish EXIT

database initdb -D "$folder/postgres" -U gridledger -A trust -E UTF8 --locale=C >/dev/null
cat >>"$folder/postgres/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$folder'
max_connections = 100
shared_buffers = 512MB
max_wal_size = 4GB
CONF
database pg_ctl -D "$folder/postgres" -l "$folder/log" -w start >/dev/null
postmaster="$(head -n 1 "$folder/postgres/postmaster.pid")"

stores=0
# Measures on a new store of each engine: load ARGUMENTS …
load() {
  stores=$((stores + 1))
  printf '\nSQLite: %s\n\n' "$*"
  "$program" load --store "sqlite:$folder/store-$stores.db" "$@"
  rm -f "$folder/store-$stores.db"*
  printf '\nPostgres: %s\n\n' "$*"
  database createdb -h 127.0.0.1 -p "$port" -U gridledger "store$stores"
  "$program" load --store "postgres://gridledger@127.0.0.1:$port/store$stores" --database-pid "$postmaster" "$@"
  database dropdb -h 127.0.0.1 -p "$port" -U gridledger "store$stores"
}

case "$what" in rates | all) load --at-once 1,2,4,8,16,32,64 --phones 128 ;; esac
case "$what" in commits | all)
  load --at-once 1,16,64 --phones 640 --edits 1
  load --at-once 1,16,64 --phones 640 --edits 1 --commit-group 1
  ;;
esac
case "$what" in hostile | all) load --at-once 8 --phones 256 --hostile ;; esac
case "$what" in storm | all) load --at-once "$phones" --phones "$phones" ;; esac
