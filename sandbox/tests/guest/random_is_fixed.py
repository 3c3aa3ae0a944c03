# ending: completed
# stdout: 0.1965650416722845 -1999893998 True\n
import os
import random

first = random.random()
print(first, hash("abc"), os.urandom(4) != os.urandom(4))
