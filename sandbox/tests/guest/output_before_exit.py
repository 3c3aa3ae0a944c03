# ending: exited 0
# stdout: before\n
import sys

print("before")
sys.exit()
