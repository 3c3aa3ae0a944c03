# ending: raised ModuleNotFoundError: No module named 'sortedcontainers', line 4
# unsupported: module sortedcontainers

from sortedcontainers import SortedList
