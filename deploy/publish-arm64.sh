#!/usr/bin/env bash
# Publishes Berth for linux-arm64 on an x86-64 Debian, into artifacts/publish-arm64: clang compiles for both, and what
# it links with comes out of Debian's arm64 packages, which are unpacked beside it and not installed.
#
#   deploy/publish-arm64.sh [FOLDER]
#
# Needs clang, lld and llvm (for llvm-objcopy), and apt sources of the Debian whose C library the program will need.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-artifacts/publish-arm64}
sysroot=$PWD/artifacts/sysroot-arm64

unpack_sysroot() {
  local work=$sysroot.new
  rm -rf "$work"
  mkdir -p "$work"/{lists,archives}/partial "$work/root"
  local apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=
    -o Dir::State::Lists="$work/lists" -o Dir::State::Status=/dev/null -o Dir::Cache::Archives="$work/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
  "${apt[@]}" update
  (cd "$work" && "${apt[@]}" download libc6 libc6-dev libgcc-12-dev libgcc-s1 linux-libc-dev zlib1g zlib1g-dev)
  local package
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
  # Symlinks to /lib would lead out of it.
  local link
  find "$work/root" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$work/root$(readlink "$link")" "$link"
  done
  mv "$work/root" "$sysroot"
  rm -rf "$work"
}

[ -d "$sysroot" ] || unpack_sysroot
dotnet publish src/Berth -c Release -r linux-arm64 -o "$folder" --nologo --verbosity quiet \
  -p:SysRoot="$sysroot" -p:LinkerFlavor=lld -p:ObjCopyName=llvm-objcopy
