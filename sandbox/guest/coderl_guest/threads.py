"""Threads that run to their end while they are started.

There is one thread. `Thread.start` runs the target at once, and locks are flags, which
serves programs that use threads for a larger stack, for timers, or to do independent work
side by side. Waiting for what only another thread could do is reported as unsupported and
raises `RuntimeError`; that a thread ended by it is reported once more, because its exception
ends nothing else.
"""

import _thread
import concurrent.futures
import queue
import sys
import threading
import time

from coderl_guest.unsupported import note

_get_ident = _thread.get_ident


_WAITS = "this would wait forever: threads run one after the other"


def _never():
    note("threads")
    raise RuntimeError(_WAITS)


def _given_up(error):
    if type(error) is RuntimeError and error.args == (_WAITS,):
        note("threads that wait for each other")


class Lock:
    """A lock that nobody else can hold or release."""

    __slots__ = ("_held", "__weakref__")

    def __init__(self):
        self._held = False

    def acquire(self, blocking=True, timeout=-1):
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if not self._held:
            self._held = True
            return True
        if not blocking:
            return False
        if timeout < 0:
            _never()
        time.sleep(timeout)
        return False

    def release(self):
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def locked(self):
        return self._held

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _at_fork_reinit(self):
        self._held = False

    def __repr__(self):
        state = "locked" if self._held else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"


class _Done:
    """In place of the handle of an operating-system thread that has ended."""

    ident = _get_ident()

    def is_done(self):
        return True

    def join(self, timeout=None):
        pass

    def _set_done(self):
        pass


def _start(thread):
    if not thread._initialized:
        raise RuntimeError("thread.__init__() not called")
    if thread._started.is_set():
        raise RuntimeError("threads can only be started once")
    ident = _get_ident()
    outer = threading._active.get(ident)
    thread._set_ident()
    thread._started.set()
    threading._active[ident] = thread
    try:
        thread.run()
    except BaseException as error:
        _given_up(error)
        thread._invoke_excepthook(thread)
    finally:
        thread._os_thread_handle = _Done()
        if outer is not None:
            threading._active[ident] = outer


def _start_new_thread(function, args, kwargs={}):
    if not callable(function):
        raise TypeError("first arg must be callable")
    try:
        function(*args, **kwargs)
    except SystemExit:
        pass
    except BaseException as error:
        _given_up(error)
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), None)))
    return _get_ident()


_stack_size = 0


def _set_stack_size(size=0):
    global _stack_size
    if size != 0 and size < 32768:
        raise ValueError(f"size not valid: {size} bytes")
    old, _stack_size = _stack_size, size
    return old


def _submit(executor, function, /, *args, **kwargs):
    with executor._shutdown_lock:
        if executor._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
    future = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(function(*args, **kwargs))
    except BaseException as error:
        _given_up(error)
        future.set_exception(error)
    return future


def install():
    threading.Lock = threading._allocate_lock = Lock
    threading._CRLock = None
    threading.RLock = threading._PyRLock
    _thread.allocate_lock = _thread.allocate = _thread.lock = _thread.LockType = Lock
    threading.Thread.start = _start
    _thread.start_new_thread = _thread.start_new = _start_new_thread
    threading.stack_size = _thread.stack_size = _set_stack_size
    queue.SimpleQueue = queue._PySimpleQueue
    concurrent.futures.ThreadPoolExecutor.submit = _submit
