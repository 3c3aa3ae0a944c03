# ending: exited 3
exit(3)
