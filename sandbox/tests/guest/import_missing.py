# ending: completed
# stdout: No module named 'numpy'\nNo module named 'pandas'\nNo module named 'socket'\nNo module named 'no_such_module'\nNo module named 'Queue'\nNo module named 'imp'\n
# unsupported: module numpy, module pandas, module socket
for name in ["numpy", "pandas.core", "socket", "no_such_module", "Queue", "imp"]:
    try:
        __import__(name)
    except ImportError as error:
        print(error)
try:
    import numpy as np
except ImportError:
    pass
