# stdin: 1 2\n3\n
# ending: completed
# stdout: [1, 2] 3\n
import sys

read = sys.stdin.buffer.readline
print(list(map(int, read().split())), int(read()))
