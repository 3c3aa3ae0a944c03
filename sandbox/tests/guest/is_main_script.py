# ending: completed
# stdout: __main__ ['program.py'] program.py\nmain\n
import sys

print(__name__, sys.argv, __file__)
if __name__ == "__main__":
    print("main")
