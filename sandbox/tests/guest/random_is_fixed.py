# ending: completed
# stdout: 0.1965650416722845 1 True\n
import os
import random

first = random.random()
print(first, len({hash("a"), hash("a")}), os.urandom(4) != os.urandom(4))
