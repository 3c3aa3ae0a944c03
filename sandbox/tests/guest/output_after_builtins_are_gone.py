# ending: completed
# stdout: kept\n
import builtins

print("kept")
vars(builtins).clear()
