# Areas, DeLong intervals and DeLong tests by pROC, written as JSON with 17 digits.
# Rscript proc_roc.R people.csv > proc_roc.json
# people.csv: set,case,score_1,score_2 ; all scores are higher for cases (direction "<").
suppressPackageStartupMessages(library(pROC))
people <- read.csv(commandArgs(trailingOnly = TRUE)[1])
roc_of <- function(d, score) roc(d$case, d[[score]], levels = c(0, 1), direction = "<", quiet = TRUE)
number <- function(x) sprintf("%.17g", as.numeric(x))
named <- function(...) {
  x <- list(...)
  paste0("{", paste(sprintf('"%s": %s', names(x), unlist(x)), collapse = ", "), "}")
}
of_set <- function(d) {
  one <- roc_of(d, "score_1")
  two <- roc_of(d, "score_2")
  ci <- ci.auc(one, method = "delong", conf.level = 0.95)
  paired <- roc.test(one, two, method = "delong", paired = TRUE)
  named(
    auc_1 = number(auc(one)), auc_2 = number(auc(two)),
    variance_1 = number(var(one, method = "delong")),
    covariance = number(cov(one, two, method = "delong")),
    lower = number(ci[1]), upper = number(ci[3]),
    z = number(paired$statistic), p = number(paired$p.value)
  )
}
sets <- split(people, people$set)
unpaired <- roc.test(
  roc_of(sets[["continuous"]], "score_1"), roc_of(sets[["tied"]], "score_1"),
  method = "delong", paired = FALSE
)
lines <- c(
  sprintf('"made_by": "%s, pROC %s"', R.version.string, packageVersion("pROC")),
  sprintf('"%s": %s', names(sets), sapply(sets, of_set)),
  sprintf('"unpaired": %s', named(
    t = number(unpaired$statistic), dof = number(unpaired$parameter), p = number(unpaired$p.value)
  ))
)
cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
