"""Small pure statistics: arrays in, arrays or frozen dataclasses out; no I/O, no Hail."""
