"""An event loop for `asyncio` without files and sockets: callbacks and timers only."""

import asyncio
import time

from coderl_guest.unsupported import note


class _Selector:
    """Waits for nothing but time."""

    def select(self, timeout):
        if timeout is None:
            note("threads")
            raise RuntimeError("this would wait forever: nothing is scheduled")
        if timeout > 0:
            time.sleep(timeout)
        return []


class EventLoop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Selector()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    def run_in_executor(self, executor, func, *args):
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def install():
    asyncio.unix_events._UnixDefaultEventLoopPolicy._loop_factory = EventLoop
    asyncio.SelectorEventLoop = asyncio.EventLoop = EventLoop
