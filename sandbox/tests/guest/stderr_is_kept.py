# ending: completed
# stderr: one\ntwo\n
import os
import sys

print("one", file=sys.stderr)
os.write(2, b"two\n")
