# ending: completed
# stdout: False\n
# unsupported: os.fork, signal.alarm
import os
import signal

print(hasattr(os, "fork"))
try:
    signal.alarm(1)
except AttributeError:
    pass
