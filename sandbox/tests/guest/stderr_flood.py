# output-bytes: 1000
# ending: completed
# stderr-bytes: 1000
# stdout: done\n
import sys

for _ in range(1000):
    sys.stderr.write("x" * 99 + "\n")
print("done")
