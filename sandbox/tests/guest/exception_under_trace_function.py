# ending: raised ValueError: traced, line 11
# A trace function must not see the guest's own code.
import sys


def trace(frame, event, argument):
    sys.exit(frame.f_code.co_name) if "ending" in frame.f_code.co_name else None


sys.settrace(trace), sys.setprofile(trace)
raise ValueError("traced")
