# ending: raised ValueError: xxxxxxxxxx…, line 4
# message-length: 1000

raise ValueError("x" * 100000)
