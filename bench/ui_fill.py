"""Fills a folder of docker-registry with small images of ten tags each, as it stores them.

ui_fill.py FOLDER REPOSITORIES
"""

import hashlib
import json
import os
import sys


def main(folder, count):
    root = os.path.join(folder, "docker/registry/v2")

    def write(path, data):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        write(f"blobs/sha256/{digest[:2]}/{digest}/data", data)
        return digest

    layer = b"layer" * 1000
    layer_digest = blob(layer)
    images = []
    for number in range(10):
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z", "config": {},
            "history": [{"created": "2026-01-02T03:04:05Z", "created_by": f"RUN step {number}"}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer_digest]}}).encode()
        config_digest = blob(config)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config),
                       "digest": "sha256:" + config_digest},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(layer),
                        "digest": "sha256:" + layer_digest}]}).encode()
        images.append((f"1.{number}", blob(manifest), config_digest))
    for number in range(count):
        place = f"repositories/team{number % 1000}/app{number}"
        write(f"{place}/_layers/sha256/{layer_digest}/link", f"sha256:{layer_digest}".encode())
        for tag, digest, config_digest in images:
            link = f"sha256:{digest}".encode()
            write(f"{place}/_layers/sha256/{config_digest}/link", f"sha256:{config_digest}".encode())
            write(f"{place}/_manifests/revisions/sha256/{digest}/link", link)
            write(f"{place}/_manifests/tags/{tag}/current/link", link)
            write(f"{place}/_manifests/tags/{tag}/index/sha256/{digest}/link", link)


main(sys.argv[1], int(sys.argv[2]))
