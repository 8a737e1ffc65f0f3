"""The thin seam to CUDA: one small set of operations, carried out with PyCUDA or with cuda-bindings."""
