"""The project's own table: which cells there are (`cells`), how they run (`runner`), what they show (`findings`,
`report`). The command is `bash experiments.sh`, or `python -m benchmarks.experiments`.
"""
