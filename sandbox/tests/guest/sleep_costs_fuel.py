# ending: limit fuel
import time

time.sleep(100)
