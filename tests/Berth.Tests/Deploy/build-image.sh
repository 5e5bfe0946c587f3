#!/bin/bash
# Builds the image from deploy/Dockerfile as its first lines say, but from what this machine has already: a Debian root
# file system in place of both base images, and the published program, which stands for the SDK and its compiler.
#
#   build-image.sh PROJECT DEBIAN_TAR FOLDER
#
# The image is localhost/berth in the store under FOLDER: podman --root FOLDER/root --runroot FOLDER/run.
set -euo pipefail
project=$1 debian=$2 folder=$3
store=(--root "$folder/root" --runroot "$folder/run" --storage-driver vfs)
"$project/tests/publish.sh"

base=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add -q "$base" "$debian" / >"$folder/base"
buildah "${store[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
buildah "${store[@]}" commit -q --rm "$base" localhost/debian:12

# What is published lies aside; the second stage still has to install what it wants.
cat >"$folder/dotnet" <<'SH'
#!/bin/sh
[ "$*" = "publish src/Berth -c Release -r linux-x64 -o /opt/berth --nologo" ] && cp -r /opt/published /opt/berth
SH
chmod 755 "$folder/dotnet"
cd "$project"
exec buildah "${store[@]}" build --isolation chroot --pull-never --format docker -t localhost/berth \
  --build-arg BUILD_IMAGE=localhost/debian:12 --build-arg RUNTIME_IMAGE=localhost/debian:12 \
  -v "$folder/dotnet:/usr/bin/dotnet:ro" -v "$folder/dotnet:/usr/bin/clang:ro" \
  -v "$project/artifacts/publish:/opt/published:ro" \
  -f deploy/Dockerfile --ignorefile deploy/Dockerfile.dockerignore .
