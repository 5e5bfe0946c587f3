#!/usr/bin/env bash
# Builds Berth and runs its tests: all of them on SQLite and a folder, those that depend on the engines again on
# PostgreSQL and S3, those of accounts again on PostgreSQL, some again on Azure, those of pages in a browser, those of
# the two APIs and of accounts again on the published program, unless they reach into the registry's own objects. Tests
# that run Berth as a process run the published one. The last line is "N passed, N failed, N skipped"; the exit code is
# 0 only if tests ran and none failed.
#
#   ./test.sh                              all of them
#   ./test.sh --filter Range               those whose namespace, class or name has Range in it
#   ./test.sh -class- Berth.Tests.X        any option of the xunit.v3 runner (-? lists them)
#
# For Debian 12 with the .NET 10 SDK, as root: whatever the tests need and the machine lacks is installed from Debian.
# BERTH_TEST_MINUTES (default 75) ends a run that hangs, after naming the tests that hang.
# BERTH_TEST_LONG=1 runs all rounds of kills, power cuts and faults, for a release: some hours.
# BERTH_TEST_PROGRAM names an existing published program; with options given, none is published.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
exec 2>&1 </dev/null

minutes=${BERTH_TEST_MINUTES:-75}
[ "${BERTH_TEST_LONG:-}" != 1 ] || minutes=${BERTH_TEST_MINUTES:-600}
results=artifacts/tests
# Most tests wait more than they compute.
threads=${BERTH_TEST_THREADS:-4}
passed=0 failed=0 skipped=0

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  exit "$1"
}

die() {
  echo "test.sh: $*"
  failed=1
  finish 1
}

install_missing() {
  local missing=() package
  while read -r program package; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("$package")
  done <<'PROGRAMS'
curl curl
git git
openssl openssl
htpasswd apache2-utils
mkfs.ext4 e2fsprogs
losetup mount
setpriv util-linux
ps procps
PROGRAMS
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "not root, and these Debian packages are missing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || die "apt-get update failed"
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}"
}

# Before the tests, which would install them too, so that this does not count against a test's time limit.
install_programs() {
  tests/install-servers.sh || die "the servers that the tests start are missing"
  dotnet tool restore >/dev/null || die "the tools of .config/dotnet-tools.json are missing"
  tests/install-version-tools.sh || die "what versions are compared with is missing"
  tests/install-deploy-tools.sh || die "what checks the files in deploy/ is missing"
  tests/install-package-tools.sh || die "what lists of packages are compared with is missing"
}

# The program as users run it, once for all tests.
publish() {
  [ -z "${BERTH_TEST_PROGRAM:-}" ] || return 0
  make --no-print-directory publish >artifacts/publish.log 2>&1 || {
    tail -n 40 artifacts/publish.log
    die "the program could not be published"
  }
  export BERTH_TEST_PROGRAM=$PWD/artifacts/publish/berth
}

# The ten classes whose tests took longest in total, over all runs.
print_slowest() {
  echo "The slowest classes, in seconds:"
  cat "$results"/*.xml | grep -o '<test [^>]*' |
    sed -n 's/.* time="\([0-9.]*\)".* type="\([^"]*\)".*/\2 \1/p' |
    awk '{ sum[$1] += $2 } END { for (c in sum) printf "%8.1f  %s\n", sum[c], c }' | sort -rn | head -n 10
}

# Every test that failed, even if it passed when repeated, with its message and stack.
print_failed() {
  grep -q ' result="Fail"' "$results"/*.xml || return 0
  echo "Failed, some of them only at first:"
  perl -0777 -ne '
    while (/<test [^>]*name="([^"]*)" result="Fail".*?<message>(.*?)<\/message>.*?<stack-trace>(.*?)<\/stack-trace>/sg) {
      my ($name, $text) = ($1, substr($2, 0, 2000) . "\n" . substr($3, 0, 2000));
      $text =~ s/<!\[CDATA\[|\]\]>//g;
      $text =~ s/^/    /gm;
      print "  $name\n$text\n";
    }' "$results"/*.xml
}

# list_failed FILE: the methods of the tests that failed, one a line.
list_failed() {
  perl -0777 -ne 'print "$1.$2\n" while /<test [^>]* result="Fail"[^>]* type="([^"]*)" method="([^"]*)"/g' "$1" |
    sort -u
}

# run_runner FILE THREADS OPTION...: runs tests and writes their results to a file.
run_runner() {
  local file=$1 count=$2 project=${project:-Berth.Tests}
  shift 2
  timeout --kill-after=30 "${minutes}m" "tests/$project/bin/Release/net10.0/$project" \
    -noLogo -noColor -longRunning 120 -maxThreads "$count" -result-xml "$file" "$@"
}

# run_again NAME: in CI, repeats a few failed tests alone. Those that then pass count as passed, and are listed at the
# end: a test that depends on the machine's load is a defect to mend, but no reason to refuse a change.
run_again() {
  local first=$results/$1.xml again=$results/$1-again.xml count methods=() method
  count=$(attribute "$first" failed)
  [ "${CI:-}" = true ] && [ "$count" -gt 0 ] && [ "$count" -le 5 ] || return 0
  while read -r method; do methods+=(-method "$method"); done < <(list_failed "$first")
  echo "The $count that failed, again:"
  run_runner "$again" 1 "${methods[@]}"
  [ -s "$again" ] && [ "$(attribute "$again" passed)" -gt 0 ] || return 0
  local still
  still=$(($(attribute "$again" failed) + $(attribute "$again" errors)))
  [ "$still" -lt "$count" ] || return 0
  failed=$((failed - count + still))
  passed=$((passed + count - still))
}

# attribute FILE NAME: a count in a result file's one <assembly> element.
attribute() {
  local number
  number=$(grep -o '<assembly [^>]*>' "$1" | head -n 1 | grep -o " $2=\"[0-9]*\"" | tr -dc 0-9)
  echo "${number:-0}"
}

# run_tests NAME OPTION...: runs tests and adds their counts to the others'. There must be some, unless options of the
# command line leave none over.
run_tests() {
  local name=$1 file=$results/$1.xml code
  shift
  run_runner "$file" "$threads" "$@"
  code=$?
  [ $code -ne 124 ] && [ $code -ne 137 ] || die "the tests did not end within $minutes minutes (BERTH_TEST_MINUTES)"
  [ -s "$file" ] || die "the tests ended with exit code $code and left no results"
  [ ${#options[@]} -gt 0 ] || [ "$(attribute "$file" total)" -gt 0 ] || die "the pass '$name' ran no test"
  passed=$((passed + $(attribute "$file" passed)))
  failed=$((failed + $(attribute "$file" failed) + $(attribute "$file" errors)))
  skipped=$((skipped + $(attribute "$file" skipped)))
  [ $code -eq 0 ] || [ "$failed" -gt 0 ] || die "the tests ended with exit code $code"
  run_again "$name"
}

options=()
while [ $# -gt 0 ]; do
  case $1 in
    --filter)
      [ $# -ge 2 ] || die "--filter needs part of a name"
      options+=(-method "*$2*")
      shift 2
      ;;
    *)
      options+=("$1")
      shift
      ;;
  esac
done

command -v dotnet >/dev/null || die "the .NET 10 SDK is missing: there is no dotnet in the PATH"
install_missing
install_programs
# The compilers end before what they learn of themselves pays.
DOTNET_TieredPGO=0 dotnet build Berth.slnx -c Release -nodeReuse:false --verbosity quiet --nologo || die "the build failed"

rm -rf "$results"
mkdir -p "$results"
[ ${#options[@]} -gt 0 ] || publish
echo "With SQLite and a folder:"
run_tests default ${options[@]+"${options[@]}"}
echo "With PostgreSQL and S3:"
BERTH_TEST_DATABASE=postgres BERTH_TEST_STORE=s3 run_tests cluster \
  -namespace Berth.Tests.Distribution -namespace Berth.Tests.Registry -namespace Berth.Tests.Metadata \
  -namespace Berth.Tests.Jobs -namespace Berth.Tests.Hosting -namespace Berth.Tests.Api \
  -namespace Berth.Tests.Lifecycle -namespace Berth.Tests.Scrubbing -namespace Berth.Tests.Import \
  -namespace Berth.Tests.Contents -namespace Berth.Tests.Search -namespace Berth.Tests.Scanning \
  -namespace Berth.Tests.Scanners -namespace Berth.Tests.Verifying -namespace Berth.Tests.Policies \
  -namespace Berth.Tests.HarborAdapter -namespace Berth.Tests.Attaching \
  -trait- runs=once ${options[@]+"${options[@]}"}
echo "Accounts and rights with PostgreSQL:"
BERTH_TEST_DATABASE=postgres run_tests accounts -trait about=accounts -namespace- Berth.Tests.Api \
  -namespace- Berth.Tests.Verifying -trait- runs=once ${options[@]+"${options[@]}"}
echo "With Azure:"
BERTH_TEST_STORE=azure run_tests azure \
  -class Berth.Tests.Distribution.BlobPushTests -class Berth.Tests.Distribution.BlobPullTests \
  -class Berth.Tests.Distribution.UploadTests -class Berth.Tests.Distribution.ManifestPushTests \
  -class Berth.Tests.Cluster.SharedStoreTests -trait- runs=once ${options[@]+"${options[@]}"}
echo "With a browser:"
project=Berth.BrowserTests run_tests browser ${options[@]+"${options[@]}"}
if [ -n "${BERTH_TEST_PROGRAM:-}" ]; then
  echo "With the published program:"
  BERTH_TEST_HOST=program run_tests program \
    -namespace Berth.Tests.Distribution -namespace Berth.Tests.Api -trait- runs=inside \
    ${options[@]+"${options[@]}"}
  BERTH_TEST_HOST=program run_tests program-accounts -trait about=accounts -namespace- Berth.Tests.Api \
    -trait- runs=inside ${options[@]+"${options[@]}"}
fi

print_slowest
print_failed
[ $((passed + failed)) -gt 0 ] || die "no test ran"
[ "$failed" -eq 0 ] && finish 0
finish 1
