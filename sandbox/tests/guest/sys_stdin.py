# stdin: a\nb\nc\nd\ne\n
# ending: completed
# stdout: 'a\\n' b'' ['c\\n']\n['d\\n', 'e\\n'] ''\n
import sys

first = sys.stdin.readline()
# The text layer has read ahead, as with any pipe.
buffered = sys.stdin.buffer.read()
next(sys.stdin)
print(repr(first), buffered, [next(sys.stdin)])
print(sys.stdin.readlines(), repr(sys.stdin.read()))
