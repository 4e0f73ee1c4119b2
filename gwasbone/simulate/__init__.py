"""A small biobank with known truth: coalescent genotypes, bone traits, questionnaires, and files.

Names are loaded on first use, so that reading :class:`SimulationSettings` from a configuration
does not import msprime or pandas.

>>> from gwasbone.simulate import SimulationSettings, simulate_genotypes
>>> settings = SimulationSettings.light(n_people=50, n_variants=100, n_segments=2, chromosomes=(1,))
>>> simulate_genotypes(settings).G.shape
(100, 50)
"""

from gwasbone.public import publish

__all__ = publish(__name__)
