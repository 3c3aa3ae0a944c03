# ending: raised KeyboardInterrupt: , line 2
raise KeyboardInterrupt
