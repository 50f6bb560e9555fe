"""Tests of the workers against real servers in real processes.

From the folder above: ``python -m unittest discover -s tests -t .``
"""
