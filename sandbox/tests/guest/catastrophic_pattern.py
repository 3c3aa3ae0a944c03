# fuel: 2000000000
# ending: limit fuel
import re

re.match("(a+)+b", "a" * 40)
