#!/bin/bash
# Builds the image from deploy/Dockerfile as its first lines say, but from what this machine has already: a Debian root
# file system in place of both base images, and the program that was published for the tests. So the build's own
# `dotnet publish` only copies it; compiling it takes minutes, and the tests do that once.
#
#   build-image.sh PROJECT DEBIAN_TAR FOLDER
#
# The image is localhost/berth in the store under FOLDER: podman --root FOLDER/root --runroot FOLDER/run.
set -euo pipefail
project=$1 debian=$2 folder=$3
store=(--root "$folder/root" --runroot "$folder/run" --storage-driver vfs)

base=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add -q "$base" "$debian" / >"$folder/base"
buildah "${store[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
buildah "${store[@]}" commit -q --rm "$base" localhost/debian:12

"$project/tests/publish.sh" >"$folder/publish.log"
cat >"$folder/dotnet" <<'SH'
#!/bin/sh
[ "$1 $2" = "publish src/Berth" ] && [ -e src/Berth/Berth.csproj ] || exit 1
while [ "$1" != -o ]; do shift; done
mkdir -p "$2" && cp /opt/published/* "$2"
SH
printf '#!/bin/sh\nexit 1\n' >"$folder/clang"
chmod 755 "$folder/dotnet" "$folder/clang"
cd "$project"
exec buildah "${store[@]}" build --isolation chroot --pull-never --format docker -t localhost/berth \
  --build-arg BUILD_IMAGE=localhost/debian:12 --build-arg RUNTIME_IMAGE=localhost/debian:12 \
  -v "$folder/dotnet:/usr/bin/dotnet:ro" -v "$folder/clang:/usr/bin/clang:ro" \
  -v "$project/artifacts/publish:/opt/published:ro" \
  -f deploy/Dockerfile --ignorefile deploy/Dockerfile.dockerignore .
