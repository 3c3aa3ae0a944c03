# ending: raised RuntimeError: end, line 6
import builtins

error = RuntimeError("end")
vars(builtins).clear()
raise error
