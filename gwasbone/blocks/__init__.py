"""Dosage blocks: dense (variants × samples) arrays and the kernels that run over them."""
