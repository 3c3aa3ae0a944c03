# ending: exited 0
# stdout: written
import os

os.write(1, b"written")
print("buffered, so lost")
os._exit(0)
