# ending: raised RecursionError: Stack overflow (used 8064 kB), line 9
import sys

sys.setrecursionlimit(10**9)


class Endless:
    def __eq__(self, other):
        return [self] == [other]


Endless() == Endless()
