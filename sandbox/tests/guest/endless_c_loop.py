# fuel: 1000000000
# ending: limit fuel
import itertools

sum(itertools.repeat(1))
