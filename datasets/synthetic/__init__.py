"""Procedural indoor scenes in ScanNet200's layout: `python -m datasets.synthetic --help`."""
