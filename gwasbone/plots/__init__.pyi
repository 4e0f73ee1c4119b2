from gwasbone.plots.ancestry import (
    KeptRegion as KeptRegion,
    ancestry_pairs as ancestry_pairs,
    scree as scree,
)
from gwasbone.plots.calibration import reliability as reliability
from gwasbone.plots.coloc import (
    coloc_prior_curve as coloc_prior_curve,
    coloc_scatter as coloc_scatter,
)
from gwasbone.plots.disclosure import small_counts as small_counts
from gwasbone.plots.export import (
    save as save,
    show as show,
)
from gwasbone.plots.funnel import funnel as funnel
from gwasbone.plots.manhattan import manhattan as manhattan
from gwasbone.plots.miami import miami as miami
from gwasbone.plots.mr import (
    mr_funnel as mr_funnel,
    mr_scatter as mr_scatter,
)
from gwasbone.plots.p_scatter import (
    p_scatter as p_scatter,
    z_scatter as z_scatter,
)
from gwasbone.plots.page import save_page as save_page
from gwasbone.plots.probabilities import predicted_probabilities as predicted_probabilities
from gwasbone.plots.qc import (
    qc_histogram as qc_histogram,
    qc_scatter as qc_scatter,
)
from gwasbone.plots.qq import qq as qq
from gwasbone.plots.regional import regional as regional
from gwasbone.plots.rg_matrix import rg_matrix as rg_matrix
from gwasbone.plots.roc import (
    precision_recall as precision_recall,
    roc as roc,
)
from gwasbone.plots.scan_points import ScanPoints as ScanPoints
from gwasbone.plots.stacked_manhattan import stacked_manhattan as stacked_manhattan
from gwasbone.plots.theme import Threshold as Threshold
from gwasbone.plots.volcano import volcano as volcano
