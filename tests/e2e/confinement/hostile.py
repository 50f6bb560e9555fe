"""What a server under test might try: each attempt's outcome as one JSON line, then silence.

Arguments: a secret of the agent's, a folder to write to, the agent's process, a port that answers.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable

SECRET, FOLDER, AGENT, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
LIBC = ctypes.CDLL(None, use_errno=True)
FORKS = 500
MIB = 1 << 20


def call(number: int, *arguments: int) -> str:
    """Make a system call by its number."""
    if LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(it) for it in arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"


def forked(work: Callable[[], object]) -> str:
    """Say how a process ended that did it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except MemoryError:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return "done" if status == 0 else f"ended with {status}"


def write_to(path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("x")


def fill(size: int) -> None:
    """Use memory, page by page."""
    memory = bytearray(size)
    for page in range(0, size, 4096):
        memory[page] = 1


def grow_a_file() -> str:
    file = os.memfd_create("big")
    for _ in range(64):
        os.write(file, bytes(MIB))
    return "done"


def open_many() -> str:
    opened = 0
    try:
        while opened < 5000:
            os.open("/dev/null", os.O_RDONLY)
            opened += 1
    except OSError:
        os.closerange(3, 5010)
    return str(opened)


def fork_bomb() -> str:
    """Leave all of them behind."""
    forks = 0
    try:
        for _ in range(FORKS):
            if os.fork() == 0:
                signal.pause()
            forks += 1
    except OSError:
        pass
    return str(forks)


def daemon() -> str:
    """Leave the session and the parent, and ignore what asks to end."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, str(os.getpid()).encode())
            while True:
                signal.pause()
        os._exit(0)
    os.wait()
    return os.read(reader, 20).decode()


def bind(port: int) -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    return "done"


def namespace() -> str:
    """As a thread is made, with a flag too many: in a process of its own, should it succeed."""
    new_user, sigchld = 0x10000000, 17
    if call(56, new_user | sigchld, 0, 0, 0, 0) == "done" and os.getpid() == 1:
        os._exit(0)
    return "done"


ATTEMPTS: dict[str, Callable[[], object]] = {
    "identity": lambda: f"{os.getuid()}:{os.getgid()}:{os.getgroups()}",
    "environment": lambda: ",".join(sorted(os.environ)),
    "privileges": lambda: "".join(
        line for line in open("/proc/self/status", encoding="utf-8") if line.startswith(("Cap", "NoNew"))
    ),
    "read shadow": lambda: open("/etc/shadow", "rb").read(),
    "read secret": lambda: open(SECRET, "rb").read(),
    "list secrets": lambda: os.listdir(os.path.dirname(SECRET)),
    "read agent's memory": lambda: open(f"/proc/{AGENT}/mem", "rb").read(1),
    "read agent's variables": lambda: open(f"/proc/{AGENT}/environ", "rb").read(1),
    "write folder": lambda: write_to(f"{FOLDER}/written"),
    "write tmp": lambda: write_to(f"/tmp/rpycbench-hostile-{os.getpid()}"),
    "write workers": lambda: write_to(__file__),
    "make folder": lambda: os.mkdir(f"{FOLDER}/made"),
    "kill agent": lambda: os.kill(AGENT, signal.SIGKILL),
    "kill keeper": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "become root": lambda: os.setuid(0),
    "bind any": lambda: bind(0),
    "bind another": lambda: bind(PORT + 1 if PORT < 65000 else PORT - 1),
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT)).close(),
    "trace agent": lambda: call(101, 16, AGENT, 0, 0),
    "read across": lambda: call(310, AGENT, 0, 0, 0, 0, 0),
    "mount": lambda: call(165, 0, 0, 0, 0, 0),
    "unshare": lambda: call(272, 0x10000000),
    "namespace": namespace,
    "namespace by clone3": lambda: call(435, 0, 0),
    "bpf": lambda: call(321, 0, 0, 0),
    "io_uring": lambda: call(425, 1, 0),
    "perf": lambda: call(298, 0, 0, 0, 0, 0),
    "keys": lambda: call(250, 0, 0, 0, 0, 0),
    "other numbers": lambda: call(0x40000000 | 39),
    "big file": grow_a_file,
    "many files": open_many,
    "memory": lambda: forked(lambda: fill(1024 * MIB)),
    "daemon": daemon,
    "fork bomb": fork_bomb,
}

if __name__ == "__main__":
    for name, attempt in ATTEMPTS.items():
        try:
            outcome = attempt()
        except OSError as error:
            outcome = errno.errorcode.get(error.errno or 0, str(error))
        # Whole lines: those it has forked have the same stdout.
        os.write(1, (json.dumps({"attempt": name, "outcome": str(outcome)}) + "\n").encode())
    os.write(1, b'{"attempt": "end", "outcome": ""}\n')
    while True:
        signal.pause()
