# ending: completed
# stdout: [] None\n
import gc
import sys

own = [name for name in sys.modules if "coderl" in name or "wit_world" in name or name == "app"]
print(own, sys.modules.get("_large_stack"))
