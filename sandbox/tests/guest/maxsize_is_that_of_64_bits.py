# ending: completed
# stdout: 9223372036854775807\n
import sys

print(sys.maxsize)
