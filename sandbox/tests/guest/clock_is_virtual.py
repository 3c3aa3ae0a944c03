# ending: completed
# stdout: 2024-01-01 00:00:00 True True True\n
import datetime
import time

now = datetime.datetime.now()
start, cpu = time.time(), time.process_time()
time.sleep(1.5)
elapsed = time.time() - start
print(
    now.replace(microsecond=0),
    1.5 <= elapsed < 1.501,
    abs(time.process_time() - cpu - elapsed) < 0.001,
    now.microsecond < 10000,
)
