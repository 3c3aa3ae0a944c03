# ending: completed
# stdout: {} [] \n
import os
import sys

print(dict(os.environ), sys.path, os.environ.get("HOME", ""))
