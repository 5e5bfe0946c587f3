"""Measures searches in the registry that bench/search.sh has filled."""

import random
import statistics
import sys
import time
import urllib.parse

from filled import NAMESPACES, TAGS, WORDS, Client


def search(client, query):
    begin = time.perf_counter()
    found = client.ask("GET", "/search?q=" + urllib.parse.quote(query))
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
            search(client, query)
        times, hits, slowest = [], 0, (0, "")
        for _ in range(rounds):
            for query in asked:
                took, found = search(client, query)
                times.append(took)
                slowest = max(slowest, (took, query))
                hits += found["total"]
        times.sort()
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
        print(f"{who}: median {statistics.median(times):.1f} ms, p95 {at(0.95):.1f} ms, p99 {at(0.99):.1f} ms, "
              f"slowest {slowest[0]:.1f} ms ({slowest[1]!r}); {hits / len(times):.0f} found on average")


measure(int(sys.argv[1]), int(sys.argv[2]))
