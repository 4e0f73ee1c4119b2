"""gwasbone: genome-wide association of bone phenotypes on Hail.

The public names are imported on first use: importing the package imports neither Hail nor any
deep-learning framework. What is used most has a name of its own here; everything else is under
its topic: ``gb.assoc``, ``gb.cohort``, ``gb.comparison``, ``gb.genes``, ``gb.images``,
``gb.learning``, ``gb.loci``, ``gb.phenotypes``, ``gb.plots``, ``gb.simulate``, ``gb.stats``,
``gb.sumstats``.

>>> import gwasbone as gb
>>> cohort = gb.example_cohort()
>>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex"])
>>> results
AssociationResults: 1 trait, 400 variants, GRCh37, engine blocks
"""

from gwasbone.public import publish

__version__ = "0.1.0"
__all__ = [*publish(__name__), "__version__"]
