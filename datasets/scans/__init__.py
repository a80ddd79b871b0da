"""Scans of any program, in: `read_scan(path, options) -> Scan`; one module for each format, one for what is guessed."""
