# stdin: 12345\n
# ending: completed
# stdout: b'12' b'345\\n' b''\n
import os

print(os.read(0, 2), os.read(0, 100), os.read(0, 100))
