# ending: completed
# stdout: RecursionError\n
import re

try:
    re.compile("(" * 5000 + ")" * 5000)
except RecursionError as error:
    print(type(error).__name__)
