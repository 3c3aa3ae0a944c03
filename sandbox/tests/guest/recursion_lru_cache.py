# ending: completed
# stdout: 15000\n
# As deep as in a native process.
import sys
from functools import lru_cache

sys.setrecursionlimit(10**6)


@lru_cache(None)
def f(n):
    return 0 if n == 0 else f(n - 1) + 1


print(f(15000))
