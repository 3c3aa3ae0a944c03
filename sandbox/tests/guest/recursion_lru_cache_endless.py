# ending: raised RecursionError: Stack overflow (used 8064 kB), line 10
import sys
from functools import lru_cache

sys.setrecursionlimit(10**9)


@lru_cache(None)
def f(n):
    return f(n + 1)


f(0)
