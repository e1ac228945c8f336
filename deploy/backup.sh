#!/bin/sh
# Backs up both stores of ioCash: PostgreSQL and the documents. See docs/operations/backup.md.
#
#   backup.sh wal PATH NAME   PostgreSQL's archive_command: '/srv/iocash/deploy/backup.sh wal %p %f'
#   backup.sh base            a base backup of PostgreSQL, then the documents and anchors
#   backup.sh documents       new documents and anchors alone
#   backup.sh prune DAYS      remove what no restore to the last DAYS days needs
#
# Environment: BACKUPS (/var/backups/iocash; another disk or machine), DOCUMENTS_DIR
# (/var/lib/iocash/documents), ANCHORS_DIR (none), DATABASE_ACCOUNT (postgres; the account of the
# operating system), and what pg_basebackup reads (PGHOST, PGPORT, PGUSER, PATH).
set -eu

BACKUPS=${BACKUPS:-/var/backups/iocash}
DOCUMENTS_DIR=${DOCUMENTS_DIR:-/var/lib/iocash/documents}
ANCHORS_DIR=${ANCHORS_DIR:-}
umask 077

as_database() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "${DATABASE_ACCOUNT:-postgres}" -- "$@"
  else
    "$@"
  fi
}

# A file appears under its name when it is complete and on the disk. The same file again is right;
# another one with its name is never replaced.
archive() {
  target="$BACKUPS/wal/$2"
  if [ -e "$target" ]; then
    cmp --silent "$1" "$target"
  else
    cp "$1" "$target.part"
    sync "$target.part"
    mv "$target.part" "$target"
    sync "$BACKUPS/wal"
  fi
}

# The name says when it ended: it can be restored to any instant from then on.
base() {
  as_database rm -rf "$BACKUPS/base/new"
  as_database pg_basebackup --pgdata="$BACKUPS/base/new" --checkpoint=fast --wal-method=none
  as_database sync -f "$BACKUPS/base/new"
  as_database mv "$BACKUPS/base/new" "$BACKUPS/base/$(date -u +%Y%m%dT%H%M%SZ)"
  documents
}

# Documents are written once. What was erased stays in the backup until `prune` removes it, because
# a restore to an earlier instant needs it.
documents() {
  mkdir -p "$BACKUPS/documents" "$BACKUPS/anchors"
  cp -au "$DOCUMENTS_DIR/." "$BACKUPS/documents"
  if [ -n "$ANCHORS_DIR" ]; then cp -au "$ANCHORS_DIR/." "$BACKUPS/anchors"; fi
  sync -f "$BACKUPS/documents"
}

prune() {
  oldest=
  limit=$(date -u -d "$1 days ago" +%Y%m%dT%H%M%SZ)
  for folder in "$BACKUPS"/base/2*; do  # in order: the last one before the limit is needed
    name=${folder##*/}
    if [ -z "$oldest" ] || [ "$(expr "$name" \<= "$limit")" = 1 ]; then oldest=$name; fi
  done
  for folder in "$BACKUPS"/base/2*; do
    if [ "$(expr "${folder##*/}" \< "$oldest")" = 1 ]; then as_database rm -rf "$folder"; fi
  done
  first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\))$/\1/p' "$BACKUPS/base/$oldest/backup_label")
  as_database pg_archivecleanup "$BACKUPS/wal" "$first"
  prune_documents "$1"
}

# A document that was erased is removed DAYS after this was first noticed.
prune_documents() {
  mkdir -p "$BACKUPS/erased"
  (cd "$BACKUPS/documents" && find . -type f) | while IFS= read -r file; do
    mark="$BACKUPS/erased/$(basename "$file")"
    if [ -e "$DOCUMENTS_DIR/$file" ]; then
      rm -f "$mark"
    elif [ ! -e "$mark" ]; then
      touch "$mark"
    elif [ -n "$(find "$mark" -mtime "+$1")" ]; then
      rm "$BACKUPS/documents/$file" "$mark"
    fi
  done
}

case "${1:-}" in
  wal) archive "$2" "$3" ;;
  base) base ;;
  documents) documents ;;
  prune) prune "$2" ;;
  *) sed -n '2,7p' "$0"; exit 2 ;;
esac
