"""Tables in, Bokeh figures out: nothing here computes a statistic or knows Hail."""

from gwasbone.public import publish

__all__ = publish(__name__)
