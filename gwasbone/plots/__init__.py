"""Tables in, Bokeh figures out: nothing here computes a statistic or knows Hail."""

from gwasbone.plots.ancestry import KeptRegion, ancestry_pairs, scree
from gwasbone.plots.calibration import reliability
from gwasbone.plots.funnel import funnel
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.miami import miami
from gwasbone.plots.p_scatter import p_scatter, z_scatter
from gwasbone.plots.page import save_page
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.qc import qc_histogram, qc_scatter
from gwasbone.plots.qq import qq
from gwasbone.plots.regional import regional
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.plots.scan_points import ScanPoints
from gwasbone.plots.stacked_manhattan import stacked_manhattan
from gwasbone.plots.theme import Threshold
from gwasbone.plots.volcano import volcano

__all__ = [
    "KeptRegion",
    "ScanPoints",
    "Threshold",
    "ancestry_pairs",
    "funnel",
    "manhattan",
    "miami",
    "p_scatter",
    "precision_recall",
    "predicted_probabilities",
    "qc_histogram",
    "qc_scatter",
    "qq",
    "regional",
    "reliability",
    "roc",
    "save_page",
    "scree",
    "stacked_manhattan",
    "volcano",
    "z_scatter",
]
