"""The least a person would write to time RPyC: connect, warm up, time the calls, print them in ns."""

import sys
import time

import rpyc

address, port, warmup, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
connection = rpyc.connect(address, port)
taken = []
for _ in range(warmup + requests):
    start = time.monotonic_ns()
    connection.root.ping()
    taken.append(time.monotonic_ns() - start)
print(*taken[warmup:])
