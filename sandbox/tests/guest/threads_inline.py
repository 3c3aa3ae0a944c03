# ending: completed
# stdout: Thread-1 (work) 1\nThread-2 (work) 2\nFalse MainThread\n[0, 1, 4] 8\n60000\nFalse True\ntimer\n
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor


def work(n):
    print(threading.current_thread().name, n)


threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(threads[0].is_alive(), threading.current_thread().name)
with ThreadPoolExecutor() as pool:
    print(list(pool.map(lambda x: x * x, range(3))), pool.submit(pow, 2, 3).result())


def deep(n):
    return 0 if n == 0 else deep(n - 1) + 1


sys.setrecursionlimit(10**6)
threading.stack_size(1 << 27)
thread = threading.Thread(target=lambda: print(deep(60000)))
thread.start()
thread.join()
event = threading.Event()
print(event.wait(0.01), event.set() or event.wait())
threading.Timer(0.01, lambda: print("timer")).start()
with threading.Lock(), threading.RLock(), threading.Semaphore(), threading.Condition() as condition:
    pass
