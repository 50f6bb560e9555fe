"""Workers that rpycbench-agent starts: servers under test and load drivers in Python.

Entry points, each a process of its own:

* ``python -m rpycbench_workers.serve``: one server under test, until SIGTERM.
* ``python -m rpycbench_workers.drive``: one measured run against a server.
* ``python -m rpycbench_workers.facts``: what this environment holds.

Orders come as JSON lines on stdin, events go out as JSON lines on stdout, stderr is for people.
"""
