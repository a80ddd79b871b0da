"""Scanners of generated rooms beside the quick one in `scanner.py`."""
