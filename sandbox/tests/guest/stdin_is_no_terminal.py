# ending: completed
# stdout: False False 0 1 0\n
import os
import sys

print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stdin.fileno(), sys.stdout.fileno(), os.fstat(0).st_size)
