"""Measures the pages of the registry that bench/page-cost.sh has filled; prints a table in Markdown."""

import re
import sys
import time

from filled import MANY, Client

PAGES = [
    "/", "/explore", "/explore?sort=pushed", "/explore?sort=pulls", "/explore?sort=stars",
    "/explore?sort=pulls&platform=linux/arm64", "/explore?type=chart", "/explore?sort=pulls&platform=none",
    "/explore?official=true", "/explore?namespace=team7", "/explore?namespace=team7&sort=pulls",
    "/explore?visibility=private&sort=pushed", "/search?q=web", "/search?q=postgers", "/search?q=web+platform:linux/arm64",
    f"/r/{MANY}", f"/r/{MANY}?sort=name", f"/r/{MANY}?sort=-name", f"/r/{MANY}?sort=name&last=v150000",
    f"/r/{MANY}?matching=9999", f"/r/{MANY}?matching=nothing", f"/r/{MANY}:v150000",
    "/settings/storage", "/settings/trash", "/settings/quotas", "/settings/rules", "/settings/audit", "/settings/health",
]


def get(client, path, accept="text/html"):
    """Status, milliseconds and bytes on the wire."""
    begin = time.perf_counter()
    client.connection.request("GET", path, headers=client.headers | {"Accept": accept, "Accept-Encoding": "br"})
    answer = client.connection.getresponse()
    body = answer.read()
    return answer.status, (time.perf_counter() - begin) * 1000, len(body)


def main(count, rounds):
    admin = Client("admin")
    made = admin.ask("POST", "/search/rebuilds")
    while admin.ask("GET", f"/search/rebuilds/{made['id']}")["state"] != "done":
        time.sleep(0.5)
    admin.ask("POST", "/users", {"name": "some", "password": "bench-bench"})
    for number in range(10):
        admin.ask("POST", "/grants", {"user": "some", "names": f"team{number * 7}/**", "role": "reader"})
    print(f"\n{count:,} repositories:\n")
    print("| Page | Who | Status | Median, ms | p99, ms | Bytes |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for path in PAGES:
        for who, client in [("nobody", Client()), ("a user", Client("some")), ("administrator", admin)]:
            status, first, size = get(client, path)
            if status in (303, 401, 403):
                continue
            times = sorted(get(client, path)[1] for _ in range(rounds))
            p99 = times[min(rounds - 1, rounds * 99 // 100)]
            print(f"| {path.replace('|', '')} | {who} | {status} | {times[rounds // 2]:.1f} | {p99:.1f} | {size:,} |",
                  flush=True)
    reader = Client()
    reader.connection.request("GET", "/", headers={"Accept": "text/html"})
    page = reader.connection.getresponse().read().decode()
    for asset in sorted(set(re.findall(r"/assets/[0-9a-f]+/[a-z.]+", page))):
        status, took, size = get(reader, asset, "*/*")
        print(f"| {asset.split('/')[-1]} | once | {status} | {took:.1f} | | {size:,} |")


main(int(sys.argv[1]), int(sys.argv[2]))
