"""What a worker process of the tests does; a module of its own, so that workers start fast."""

import os


def times(number: int, factor: int) -> int:
    if number == 21:
        os._exit(1)
    return number * factor
