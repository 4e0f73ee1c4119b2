from gwasbone.learning.backend import (
    Backend as Backend,
    Model as Model,
    backend_names as backend_names,
    load_backend as load_backend,
)
from gwasbone.learning.cross_fit import (
    CrossFit as CrossFit,
    DivergedError as DivergedError,
    cross_fit as cross_fit,
)
from gwasbone.learning.evaluation import (
    dice as dice,
    evaluate as evaluate,
    evaluate_task as evaluate_task,
    paired_differences as paired_differences,
)
from gwasbone.learning.folds import (
    Fold as Fold,
    PersonFolds as PersonFolds,
    person_folds as person_folds,
)
from gwasbone.learning.genotype_models import GenotypeFit as GenotypeFit
from gwasbone.learning.held_out_maps import held_out_maps as held_out_maps
from gwasbone.learning.field_categories import field_categories as field_categories
from gwasbone.learning.folds import fixed_split as fixed_split
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
from gwasbone.learning.task import (
    Task as Task,
    binary_task as binary_task,
    class_task as class_task,
    mask_task as mask_task,
    regression_task as regression_task,
    target_file as target_file,
)
from gwasbone.learning.tuning import (
    Candidate as Candidate,
    Tuning as Tuning,
    read_grid as read_grid,
    tune_transformer as tune_transformer,
)
from gwasbone.learning.trainer import (
    TaskFit as TaskFit,
    Trainer as Trainer,
    TrainingRows as TrainingRows,
)
from gwasbone.learning.trait_prediction import (
    TraitPredictions as TraitPredictions,
    predict_traits as predict_traits,
)
