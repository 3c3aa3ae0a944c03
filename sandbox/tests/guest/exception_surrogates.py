# ending: raised ValueError: a�b, line 2
raise ValueError("a\udc80b")
