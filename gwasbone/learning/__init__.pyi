from gwasbone.learning.backend import (
    Backend as Backend,
    Model as Model,
    backend_names as backend_names,
    load_backend as load_backend,
)
from gwasbone.learning.cross_fit import (
    CrossFit as CrossFit,
    cross_fit as cross_fit,
)
from gwasbone.learning.evaluation import (
    evaluate as evaluate,
    paired_differences as paired_differences,
)
from gwasbone.learning.folds import (
    Fold as Fold,
    PersonFolds as PersonFolds,
    person_folds as person_folds,
)
from gwasbone.learning.genotype_models import GenotypeFit as GenotypeFit
from gwasbone.learning.held_out_maps import held_out_maps as held_out_maps
from gwasbone.learning.networks import (
    Head as Head,
    ImageNetwork as ImageNetwork,
    TableNetwork as TableNetwork,
    TrainingPlan as TrainingPlan,
)
from gwasbone.learning.options import ImageNetworkOptions as ImageNetworkOptions
from gwasbone.learning.residuals import (
    TransformerResiduals as TransformerResiduals,
    transformer_residuals as transformer_residuals,
)
from gwasbone.learning.trait_prediction import (
    TraitPredictions as TraitPredictions,
    predict_traits as predict_traits,
)
