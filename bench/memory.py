"""Resident memory of a process and everything below it, from `/proc`."""

import os
import threading
import time
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid):
    """Bytes resident in process `pid` alone; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def tree(pid):
    """`pid` and its descendants."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                text = Path(f"/proc/{parent}/task/{thread}/children").read_text()
            except OSError:
                continue
            found.extend(map(int, text.split()))
    return found


class Watch:
    """Looks at the process tree below `pid` every `interval` seconds until told to stop.

    Pages that several processes share count once for each. `samples` holds the seconds since
    the start, the bytes of the whole tree, and those of `pid` alone.
    """

    def __init__(self, pid, interval):
        self.samples = []
        self._start = time.perf_counter()
        self._pid = pid
        self._interval = interval
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self):
        self._end.set()
        self._thread.join()

    def peak(self):
        """Bytes of the whole tree at the highest."""
        return max((sample[1] for sample in self.samples), default=0)

    def around(self, share):
        """Medians, over the twentieth of the time before `share` of it, of tree and process."""
        end = self.samples[-1][0] * share
        begin = end - self.samples[-1][0] / 20
        window = [s for s in self.samples if begin <= s[0] <= end] or self.samples[-1:]
        middle = len(window) // 2
        return sorted(s[1] for s in window)[middle], sorted(s[2] for s in window)[middle]

    def _look(self):
        while not self._end.wait(self._interval):
            total = sum(map(resident, tree(self._pid)))
            own = resident(self._pid)
            # A process that has ended and is not waited for yet holds nothing.
            if own:
                self.samples.append((time.perf_counter() - self._start, total, own))
