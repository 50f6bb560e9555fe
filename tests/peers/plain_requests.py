"""The least a person would write to time an HTTP request: a session, warm up, time the calls, print them in ns."""

import sys
import time

import requests

address, port, warmup, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
session = requests.Session()
taken = []
for _ in range(warmup + calls):
    start = time.monotonic_ns()
    session.get(f"http://{address}:{port}/ping")
    taken.append(time.monotonic_ns() - start)
print(*taken[warmup:])
