"""The Keras implementation of gwasbone's deep-learning backend (replaceable whole).

Nothing is implemented here yet: the backend Protocol and its Keras implementation belong to
the learning part of the package. The package name is reserved so that nothing else takes it.
"""
