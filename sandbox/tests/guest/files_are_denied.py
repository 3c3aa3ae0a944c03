# ending: completed
# stdout: FileNotFoundError FileNotFoundError FileNotFoundError FileNotFoundError\n
import os

names = []
for attempt in [
    lambda: open("/etc/passwd"),
    lambda: open("new", "w"),
    lambda: os.listdir("/"),
    lambda: os.mkdir("/tmp/x"),
]:
    try:
        attempt()
    except OSError as error:
        names.append(type(error).__name__)
print(*names)
