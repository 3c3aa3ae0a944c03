# ending: completed
# stdout: body\nat exit\n
import atexit

atexit.register(print, "at exit")
print("body")
