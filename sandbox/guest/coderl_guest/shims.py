"""Stand-ins for what WASI lacks and programs use in ways that can be honored."""

import asyncio
import concurrent.futures
import queue
import signal
import sys
import threading
import time
import types
import _thread

from coderl_guest.unsupported import note


def install():
    pass
