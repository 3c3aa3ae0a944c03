# ending: completed
# stdout: first\nsecond\n
import sys

out = open(1, "w", closefd=False)
out.write("second\n")
sys.stdout.write("first\n")
