#!/usr/bin/env bash
# What pages cost: the time from the request to the whole answer on one connection, the median and the 99th percentile,
# and the bytes on the wire, where there are many repositories with ten tags each, and one with 100,000 tags. As nobody,
# as a user who may pull in 10 of 1,000 namespaces, and as an administrator. On SQLite, or on PostgreSQL (bench/filled.sh
# says how). Needs python3 and curl. The last lines are the files that pages load once: styles, script, icons.
#
#   bench/page-cost.sh [PROGRAM] [REPOSITORIES] [ROUNDS]
#
# The default is artifacts/publish/berth with 1,000 and then with 100,000 repositories, each page 200 times. On PostgreSQL
# name the number of repositories, since a database is filled once.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
sizes=(${2:-1000 100000})
rounds=${3:-200}
folder=$(mktemp -d)
. bench/filled.sh
for repositories in "${sizes[@]}"; do
  rm -rf "$folder/data"
  fill "$repositories" 100000
  python3 bench/pages.py "$repositories" "$rounds"
  stop
done
