#!/usr/bin/env bash
# How long searches take: fills a registry with repositories and ten tags each, has their index built, and asks as an
# administrator, as a user who may pull in 10 of 1,000 namespaces, and as nobody, for whom a few are public. On SQLite, or
# on PostgreSQL (bench/filled.sh says how). Needs python3.
#
#   bench/search.sh PROGRAM [REPOSITORIES] [ROUNDS]    default 100,000, and 20 rounds of all queries
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 repositories=${2:-100000} rounds=${3:-20}
folder=$(mktemp -d)
. bench/filled.sh
fill "$repositories"
python3 bench/search.py "$repositories" "$rounds"
