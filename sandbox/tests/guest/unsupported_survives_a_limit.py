# fuel: 1000000000
# ending: limit fuel
# unsupported: module numpy
try:
    import numpy
except ImportError:
    while True:
        pass
