"""Tables in, Bokeh figures out: nothing here computes a statistic or knows Hail."""
