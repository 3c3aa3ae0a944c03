# ending: exited 2
class Leave(SystemExit):
    @property
    def code(self):
        raise ValueError


raise Leave(2)
