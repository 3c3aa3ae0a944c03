"""Programs as contests have them, each for a few tenths of a second of native CPython.

Reads the name of one from standard input, runs it, and prints the seconds that it took.
`cargo run --release -p sandbox --example calibrate` runs all of them natively and in the
guest.
"""

import heapq
import sys
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from functools import lru_cache
from itertools import accumulate, combinations
from time import perf_counter


def recursion():
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    return fibonacci(32)


def arithmetic_loop():
    total, x = 0, 12345
    for i in range(2_000_000):
        x = (x * 1103515245 + 12345) % 2147483648
        if x % 3 == 0:
            total += x // 7
    return total


def sort_and_count():
    x, values = 1, []
    for _ in range(200_000):
        x = x * 48271 % 2147483647
        values.append(x % 50_000)
    counts = Counter(values)
    positions = defaultdict(list)
    for i, value in enumerate(values):
        positions[value].append(i)
    ordered = sorted(values)
    ordered.sort(key=lambda value: (counts[value], -value))
    return sum(bisect_left(ordered, v) for v in (1, 2, 3)) + len(positions)


def grid_dp():
    n = 1200
    a = [(i * 7919 + 13) % 26 for i in range(n)]
    b = [(i * 104729 + 7) % 26 for i in range(n)]
    best = [[0] * (n + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            if a[i - 1] == b[j - 1]:
                best[i][j] = best[i - 1][j - 1] + 1
            else:
                best[i][j] = max(best[i - 1][j], best[i][j - 1])
    return best[n][n]


def breadth_first_search():
    n = 700
    grid = [[(i * 31 + j * 17) % 5 != 0 for j in range(n)] for i in range(n)]
    distance = [[-1] * n for _ in range(n)]
    distance[0][1] = 0
    queue = deque([(0, 1)])
    while queue:
        i, j = queue.popleft()
        for di, dj in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            y, x = i + di, j + dj
            if 0 <= y < n and 0 <= x < n and grid[y][x] and distance[y][x] < 0:
                distance[y][x] = distance[i][j] + 1
                queue.append((y, x))
    return max(map(max, distance))


def shortest_paths():
    n = 60_000
    edges = [[] for _ in range(n)]
    x = 1
    for i in range(4 * n):
        x = x * 48271 % 2147483647
        edges[i % n].append((x % n, x % 97 + 1))
    distance = [float("inf")] * n
    distance[0] = 0
    heap = [(0, 0)]
    while heap:
        d, node = heapq.heappop(heap)
        if d > distance[node]:
            continue
        for other, length in edges[node]:
            if d + length < distance[other]:
                distance[other] = d + length
                heapq.heappush(heap, (d + length, other))
    return sum(distance)


def text():
    words = [f"w{i * 7919 % 9973}" for i in range(400_000)]
    line = " ".join(words)
    counts = {}
    for word in line.split():
        counts[word] = counts.get(word, 0) + 1
    numbers = list(map(int, line.replace("w", "").split()))
    output = "\n".join(f"{word} {count}" for word, count in sorted(counts.items()))
    letters = sum(c == "1" for c in output) + sum(ord(c) - 48 for c in line[:500_000])
    return len(output) + sum(accumulate(numbers)) + letters


def primes_and_combinations():
    n = 6_000_000
    sieve = bytearray([1]) * (n + 1)
    for i in range(2, int(n**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, n + 1, i)))
    primes = [i for i in range(2, n) if sieve[i]]
    triples = sum(1 for a, b, c in combinations(primes[:120], 3) if (a + b) % c == 0)
    return len(primes) + triples


def memoized_search():
    sys.setrecursionlimit(10_000)
    weights = [(i * 37) % 23 + 1 for i in range(60)]

    @lru_cache(maxsize=None)
    def ways(i, room):
        if room < 0:
            return 0
        if i == len(weights):
            return 1
        return (ways(i + 1, room) + ways(i + 1, room - weights[i])) % 1_000_000_007

    return ways(0, 3000) + sum(ways(0, room) for room in range(0, 3000, 10))


def objects():
    class Point:
        __slots__ = ("x", "y")

        def __init__(self, x, y):
            self.x, self.y = x, y

        def plus(self, other):
            return Point(self.x + other.x, self.y + other.y)

    point, step = Point(0, 0), Point(1, 2)
    for _ in range(1_500_000):
        point = point.plus(step)
    return point.x + point.y


if __name__ == "__main__":
    workload = globals()[input()]
    start = perf_counter()
    workload()
    print(perf_counter() - start)
