# ending: completed
# stdout: goes on\n
# unsupported: threads, threads that wait for each other
import queue
import threading

threading.Thread(target=queue.Queue().get, daemon=True).start()
print("goes on")
