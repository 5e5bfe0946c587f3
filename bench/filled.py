"""A registry with many repositories, for the measurements beside this file; and a client that asks it."""

import base64
import http.client
import json
import random
import sqlite3
import sys

WORDS = """alpine api app auth backup base billing build cache cart chart checkout client cluster config console core
cron dashboard data debug deploy dev docs edge email engine events exporter feed frontend gateway git go graph grafana
health hub image index ingest java job kafka kernel lambda ledger lint log login mail map metrics migrate mobile mongo
monitor mysql nginx node notify operator order pay photo pipeline plan portal postgres price prometheus proxy python
queue rabbit redis report router rust sales scan scheduler search server service shop signal site sql static store stream
sync task test ticket tool trace user vault video view wallet web webhook worker""".split()
NAMESPACES = 1000
TAGS = 10
COLUMNS = {
    "repository": "id, name, created_at, is_public, description, stars, pulls, listed",
    "manifest_body": "digest, body, platforms, content_bytes, labels",
    "manifest": "repository_id, digest, media_type, size_bytes, artifact_type, pushed_at, pushed_by",
    "tag": "repository_id, name, digest, moved_at, moved_by",
    "tag_history": "repository_id, name, digest, moved_at, moved_by, action",
}
# Where the repository with very many tags is, if there is one.
MANY = "team0/many"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def rows(count, many=0):
    """The same rows each time: repositories with ten tags each, a fiftieth of them public, and one with many tags."""
    rng = random.Random(1)
    for number in range(1, count + 1):
        space = f"team{rng.randrange(NAMESPACES)}"
        name = f"{space}/{rng.choice(WORDS)}-{rng.choice(WORDS)}-{number}"
        text = " ".join(rng.choice(WORDS) for _ in range(6))
        public = 1 if number % (count // 50 or 1) == 0 else 0
        digest = f"sha256:{number:064x}"
        labels = json.dumps({"org.opencontainers.image.title": rng.choice(WORDS), "team": space,
                             "org.opencontainers.image.base.name": f"docker.io/library/{rng.choice(WORDS)}:{number % 9}"})
        yield "repository", (number, name, 1, public, text, number % 97, number % 9973, 1)
        yield "manifest_body", (digest, b"{}", rng.choice(["linux/amd64", "linux/amd64 linux/arm64"]), 1, labels)
        at = 1750000000000 + number * 1000
        yield "manifest", (number, digest, IMAGE, 2, CONFIG, at, "bench")
        tags = {"latest"} | {f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(9)}-{rng.choice(WORDS)}"
                             for _ in range(TAGS * 2)}
        for tag in ["latest", *sorted(tags - {"latest"})][:TAGS]:
            yield "tag", (number, tag, digest, at, "bench")
        yield "tag_history", (number, "latest", digest, at, "bench", "push")
    if many:
        number, digest = count + 1, f"sha256:{count + 1:064x}"
        yield "repository", (number, MANY, 1, 1, "very many tags", 0, 0, 1)
        yield "manifest_body", (digest, b"{}", "linux/amd64", 1, "{}")
        yield "manifest", (number, digest, IMAGE, 2, CONFIG, 1740000000000, "bench")
        for tag in range(many):
            yield "tag", (number, f"v{100000 + tag}", digest, 1740000000000 + tag, "bench")


def write_sqlite(count, many, path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    for table, row in rows(count, many):
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})", row)
    database.commit()
    database.close()


def write_rows(count, many, folder):
    files = {table: open(f"{folder}/{table}.tsv", "w") for table in COLUMNS}
    for table, columns in COLUMNS.items():
        with open(f"{folder}/{table}.columns", "w") as file:
            file.write(f"{table} ({columns})")
    for table, row in rows(count, many):
        values = ["\\\\x7b7d" if isinstance(value, bytes) else str(value) for value in row]
        files[table].write("\t".join(values) + "\n")
    for file in files.values():
        file.close()


class Client:
    def __init__(self, user=None, password="bench-bench", port=5593):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.headers = {} if user is None else {
            "Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def ask(self, method, path, body=None):
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        self.connection.request(method, "/api/v1" + path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["rows", count, many, folder]:
            write_rows(int(count), int(many), folder)
        case ["sqlite", count, many, path]:
            write_sqlite(int(count), int(many), path)
