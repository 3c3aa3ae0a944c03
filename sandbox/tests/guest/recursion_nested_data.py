# ending: completed
# stdout: pickle ok\njson ok\ncopy RecursionError\nloads ok\nrepr ok\n
import copy
import json
import pickle


def nested(depth):
    x = []
    for _ in range(depth):
        x = [x]
    return x


x = nested(20000)
for name, function in [("pickle", pickle.dumps), ("json", json.dumps), ("copy", copy.deepcopy)]:
    try:
        function(x)
        print(name, "ok")
    except RecursionError as error:
        print(name, type(error).__name__)
json.loads("[" * 20000 + "]" * 20000)
print("loads ok")
# CPython takes quadratic time for this one.
repr(nested(3000))
print("repr ok")
