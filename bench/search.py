"""Fills a registry for bench/search.sh, and measures searches in it."""

import base64
import http.client
import json
import random
import sqlite3
import statistics
import sys
import time
import urllib.parse

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
}


def rows(count):
    """The same rows each time."""
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
        yield "manifest", (number, digest, "application/vnd.oci.image.manifest.v1+json", 2,
                           "application/vnd.oci.image.config.v1+json", 1, "bench")
        tags = {"latest"} | {f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(9)}-{rng.choice(WORDS)}"
                             for _ in range(TAGS * 2)}
        for tag in ["latest", *sorted(tags - {"latest"})][:TAGS]:
            yield "tag", (number, tag, digest, 1, "bench")


def write_sqlite(count, path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    for table, row in rows(count):
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})", row)
    database.commit()
    database.close()


def write_rows(count, folder):
    files = {table: open(f"{folder}/{table}.tsv", "w") for table in COLUMNS}
    for table, columns in COLUMNS.items():
        with open(f"{folder}/{table}.columns", "w") as file:
            file.write(f"{table} ({columns})")
    for table, row in rows(count):
        values = ["\\\\x7b7d" if isinstance(value, bytes) else str(value) for value in row]
        files[table].write("\t".join(values) + "\n")
    for file in files.values():
        file.close()


class Client:
    def __init__(self, user=None, password="bench-bench"):
        self.connection = http.client.HTTPConnection("127.0.0.1", 5593, timeout=600)
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

    def search(self, query):
        begin = time.perf_counter()
        found = self.ask("GET", "/search?q=" + urllib.parse.quote(query))
        return (time.perf_counter() - begin) * 1000, found


def queries(count):
    """As people type: whole words, beginnings, two words, filters, versions, errors."""
    rng = random.Random(2)
    word = lambda: rng.choice(WORDS)
    for _ in range(3):
        yield word()
        yield word()[:2]
        yield word()[:3]
        yield word()[0]
        yield f"{word()} {word()}"
        yield f"{word()} {word()} {word()[:2]}"
        yield f"{rng.randrange(9)}.{rng.randrange(30)}"
        yield f"{word()} {rng.randrange(9)}.{rng.randrange(30)}"
        yield f"tag:latest {word()}"
        yield f"base:{word()} {word()}"
        yield f"namespace:team{rng.randrange(NAMESPACES)} {word()[:2]}"
        yield f"platform:linux/arm64 {word()}"
        yield f"label:team=team{rng.randrange(NAMESPACES)}"
        yield f"\"{word()} {word()}\""
        wrong = rng.choice([one for one in WORDS if len(one) > 5])
        yield wrong[:3] + wrong[4] + wrong[3] + wrong[5:]
        yield f"{word()}-{rng.randrange(count)}"
        yield "latest"
        yield ""
        yield "nothing-of-the-kind"


def measure(count, rounds):
    admin = Client("admin")
    begin = time.time()
    made = admin.ask("POST", "/search/rebuilds")
    while admin.ask("GET", f"/search/rebuilds/{made['id']}")["state"] != "done":
        time.sleep(0.5)
    print(f"index of {count:,} repositories and {count * TAGS:,} tags built in {time.time() - begin:.0f} s")
    admin.ask("POST", "/users", {"name": "some", "password": "bench-bench"})
    for number in range(10):
        admin.ask("POST", "/grants", {"user": "some", "names": f"team{number * 7}/**", "role": "reader"})
    for who, client in [("administrator", admin), ("10 of 1,000 namespaces", Client("some")), ("anonymous", Client())]:
        asked = list(queries(count))
        for query in asked * 2:
            client.search(query)
        times, hits, slowest = [], 0, (0, "")
        for _ in range(rounds):
            for query in asked:
                took, found = client.search(query)
                times.append(took)
                slowest = max(slowest, (took, query))
                hits += found["total"]
        times.sort()
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
        print(f"{who}: median {statistics.median(times):.1f} ms, p95 {at(0.95):.1f} ms, p99 {at(0.99):.1f} ms, "
              f"slowest {slowest[0]:.1f} ms ({slowest[1]!r}); {hits / len(times):.0f} found on average")


match sys.argv[1:]:
    case ["rows", count, folder]:
        write_rows(int(count), folder)
    case ["sqlite", count, path]:
        write_sqlite(int(count), path)
    case ["measure", count, rounds]:
        measure(int(count), int(rounds))
