# ending: exited 1
# stderr: went wrong\n
raise SystemExit("went wrong")
