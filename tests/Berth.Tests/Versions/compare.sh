#!/bin/bash
# Compares pairs of versions with the program that their ecosystem itself uses.
#
#   compare.sh KIND FILE [FOLDER]    FOLDER is where tests/install-version-tools.sh has put things
#
# FILE has a pair in each line, with a tab between them. Prints -1, 0 or 1 for each. One process compares all of them,
# except for dpkg, which takes one pair at a time.
set -euo pipefail
kind=$1 file=$2 folder=${3:-}

compare_with_dpkg() {
  local one other
  while IFS=$'\t' read -r one other; do
    if dpkg --compare-versions "$one" lt "$other"; then
      echo -1
    elif dpkg --compare-versions "$one" eq "$other"; then
      echo 0
    else
      echo 1
    fi
  done
}

# Its own main compares each argument with the next: for each pair, every second comparison is of no use.
compare_with_maven() {
  local versions
  IFS=$'\t\n' read -r -d '' -a versions || true
  java -XX:TieredStopAtLevel=1 -cp "$folder/maven-artifact.jar" \
    org.apache.maven.artifact.versioning.ComparableVersion "${versions[@]}" |
    awk '/^ / { if (++n % 2) print $2 == "<" ? -1 : $2 == ">" ? 1 : 0 }'
}

case $kind in
  dpkg) compare_with_dpkg ;;
  dpkg-perl) perl -MDpkg::Version -F'\t' -lane 'print version_compare($F[0], $F[1])' ;;
  rpm)
    rpm --eval '%{lua:
      for line in io.lines() do
        local one, other = line:match("^(.-)\t(.*)$")
        io.write(rpm.vercmp(one, other), "\n")
      end}' | sed '/^$/d'
    ;;
  npm)
    node -e '
      const { compare } = require(process.argv[1]);
      const lines = require("fs").readFileSync(0, "utf8").trimEnd().split("\n");
      console.log(lines.map(line => compare(...line.split("\t"))).join("\n"));' "$folder/node_modules/semver"
    ;;
  python)
    /usr/bin/python3 -c '
import sys
from packaging.version import Version
for line in sys.stdin:
    one, other = map(Version, line.rstrip("\n").split("\t"))
    print((one > other) - (one < other))'
    ;;
  gem)
    ruby -e '
      STDIN.each_line(chomp: true) do |line|
        one, other = line.split("\t").map { |text| Gem::Version.new(text) }
        puts one <=> other
      end'
    ;;
  php)
    php -r '
      while (($line = fgets(STDIN)) !== false) {
        [$one, $other] = explode("\t", rtrim($line, "\n"));
        echo version_compare($one, $other), "\n";
      }'
    ;;
  maven) compare_with_maven ;;
  *)
    echo "compare.sh: no program for $kind" >&2
    exit 1
    ;;
esac <"$file"
