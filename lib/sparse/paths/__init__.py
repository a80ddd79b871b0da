"""The ways to compute: `reference` (plain PyTorch), `cpu` (compiled C++), `gpu` (Triton); `lib.sparse.chooser` chooses.

Each is a module with the same four functions: `neighbour_table` and `reverse_table` make kernel maps, `convolve` and
`weight_gradient` compute over one. `reference` and `cpu` also have batch norm with what follows it, for a CPU. They
know the data (`kernel_maps`), not each other and nothing above them.
"""
