# memory: 268435456
# ending: raised RecursionError: Stack overflow (used 8064 kB), line 10
import sys

sys.setrecursionlimit(10**9)


class Endless:
    def __getattr__(self, name):
        return getattr(self, name)


Endless().x
