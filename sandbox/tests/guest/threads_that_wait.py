# ending: raised RuntimeError: this would wait forever: threads run one after the other, line 9
# unsupported: threads
import queue
import threading


q = queue.Queue()
threading.Thread(target=lambda: None, daemon=True).start()
q.get()
