"""Writes split.json: stratified splits by the rule `sha256-v1`, worked out independently of the Rust code.

Run: python export_split.py   (standard library only)
"""

import hashlib
import json
import math
import pathlib
import platform

COUNTS = {"Forest": 11, "Highway": 5, "River": 21, "SeaLake": 1}


def key(seed, identifier):
    return hashlib.sha256(f"{seed}:{identifier}".encode()).hexdigest()


def shares(counts, free, fraction):
    quota = [fraction * count for count in counts]
    taken = [min(math.floor(q), f) for q, f in zip(quota, free)]
    wanted = min(math.floor(fraction * sum(counts) + 0.5), sum(free))
    order = sorted(range(len(counts)), key=lambda c: -(quota[c] - math.floor(quota[c])))
    while sum(taken) < wanted:
        for c in order:
            if sum(taken) < wanted and taken[c] < free[c]:
                taken[c] += 1
    return taken


def stratified(parts, seed):
    ids = {name: [f"{name}_{i}" for i in range(n)] for name, n in COUNTS.items()}
    keyed = [sorted(members, key=lambda i: (key(seed, i), i)) for members in ids.values()]
    counts = [len(members) for members in keyed]
    used = [0] * len(counts)
    result = {}
    exhausts = abs(sum(f for _, f in parts) - 1) <= 1e-9
    for number, (part, fraction) in enumerate(parts):
        free = [n - u for n, u in zip(counts, used)]
        last = number + 1 == len(parts)
        take = free if last and exhausts else shares(counts, free, fraction)
        result[part] = sorted(i for k, u, t in zip(keyed, used, take) for i in k[u : u + t])
        used = [u + t for u, t in zip(used, take)]
    return result


cases = []
for parts in [[("train", 0.7), ("test", 0.3)], [("train", 0.6), ("val", 0.15), ("test", 0.25)], [("a", 0.33), ("b", 0.1)]]:
    for seed in [0, 7]:
        cases.append({"seed": seed, "fractions": parts, "parts": stratified(parts, seed)})

document = {
    "python": platform.python_version(),
    "counts": COUNTS,
    "keys": {f"{seed}:Forest_1": key(seed, "Forest_1") for seed in [0, 7]},
    "cases": cases,
}
target = pathlib.Path(__file__).with_name("split.json")
target.write_text(json.dumps(document, separators=(",", ":")) + "\n")
print(target.name, target.stat().st_size, "bytes")
