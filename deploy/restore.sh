#!/bin/sh
# Lays out both stores of ioCash from a backup of deploy/backup.sh. See docs/operations/backup.md.
#
#   restore.sh DATA              to the end of the archive
#   restore.sh DATA INSTANT      to an instant, for example 2027-01-31T12:00:00Z
#
# DATA is the data folder of PostgreSQL, of the same major version. DATA and DOCUMENTS_DIR must be
# empty or missing. Afterwards start PostgreSQL: it reads the archive, then takes writes. It
# archives nothing until you say so. Environment: as in backup.sh.
set -eu

BACKUPS=${BACKUPS:-/var/backups/iocash}
DOCUMENTS_DIR=${DOCUMENTS_DIR:-/var/lib/iocash/documents}

fail() {
  echo "restore.sh: $1" >&2
  exit 1
}

require_empty() {
  if [ -n "$(ls -A "$1" 2>/dev/null)" ]; then fail "$1 is not empty. Move it away first."; fi
}

[ $# -ge 1 ] || { sed -n '2,8p' "$0"; exit 2; }
data=$1
instant=${2:-}
limit=99999999T999999Z
if [ -n "$instant" ]; then
  limit=$(date -u -d "$instant" +%Y%m%dT%H%M%SZ) || fail "$instant is not an instant."
  instant=$(date -u -d "$instant" '+%Y-%m-%d %H:%M:%S.%6N+00')  # PostgreSQL takes no Z here
fi
require_empty "$data"
require_empty "$DOCUMENTS_DIR"

base=
for folder in "$BACKUPS"/base/2*; do  # in the order of their ends
  if [ -d "$folder" ] && [ "$(expr "${folder##*/}" \<= "$limit")" = 1 ]; then base=$folder; fi
done
[ -n "$base" ] || fail "There is no base backup in $BACKUPS/base that ended before."

mkdir -p "$data" "$DOCUMENTS_DIR"
cp -a "$base/." "$data"
chmod 0700 "$data"
if [ "$(id -u)" = 0 ]; then chown --reference="$base" "$data"; fi
cat >>"$data/postgresql.auto.conf" <<END
restore_command = 'cp "$BACKUPS/wal/%f" "%p"'
recovery_target_time = '$instant'
recovery_target_action = 'promote'
archive_mode = 'off'
END
cp -a "$base/PG_VERSION" "$data/recovery.signal"  # only that it is there matters
cp -a "$BACKUPS/documents/." "$DOCUMENTS_DIR"
echo "Laid out $base${instant:+, to be restored to $instant}. Start PostgreSQL."
