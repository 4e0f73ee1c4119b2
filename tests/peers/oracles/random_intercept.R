# Oracle of gwasbone.stats.random_intercept and of the residual phenotypes: lme4 and lm.
#
#   Rscript random_intercept.R INPUT.tsv FOLDER
#
# INPUT.tsv has design, person, sex, age, weight, bmd. FOLDER gets
# random_intercept_fits.tsv (design, what, value; coefficients with se, variances, log-likelihood)
# and random_intercept_residuals.tsv (design, person, marginal, conditional: means per person).

arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(lme4))
table <- read.delim(arguments[1], colClasses = c(person = "character"))
table$sex <- factor(table$sex)
table$age40 <- table$age - 40
table$weight75 <- table$weight - 75
fits <- NULL
residuals <- NULL
for (design in unique(table$design)) {
  d <- table[table$design == design, ]
  if (any(duplicated(d$person))) {
    m <- lmer(bmd ~ sex + sex:age40 + poly(weight75, 2, raw = TRUE) + (1 | person), d, REML = TRUE,
              control = lmerControl(optimizer = "bobyqa", calc.derivs = FALSE,
                                    optCtrl = list(rhoend = 1e-12)))
    # the same model with orthogonal polynomials must leave the same residuals
    orthogonal <- lmer(bmd ~ sex + sex:age40 + poly(weight75, 2) + (1 | person), d, REML = TRUE)
    stopifnot(max(abs(fitted(m) - fitted(orthogonal))) < 1e-4)
    beta <- fixef(m)
    marginal <- d$bmd - as.vector(getME(m, "X") %*% beta)
    variance <- as.data.frame(VarCorr(m))$vcov
    estimator <- "lmer"
  } else {
    m <- lm(bmd ~ sex + sex:age40 + poly(weight75, 2, raw = TRUE), d)
    beta <- coef(m)
    marginal <- residuals(m)
    variance <- c(0, sigma(m)^2)
    estimator <- "lm"
  }
  values <- c(beta, sqrt(diag(as.matrix(vcov(m)))), variance,
              as.numeric(logLik(m, REML = TRUE)))
  # R names terms in its own order: intercept, sex, weight, weight squared, then age by sex
  terms <- c("intercept", "sex=1", "weight75", "weight75^2", "age40:sex=0", "age40:sex=1")
  what <- c(paste0("beta ", terms), paste0("se ", terms), "sigma2_person", "sigma2_residual",
            "log_likelihood")
  fits <- rbind(fits, data.frame(design, estimator, what, value = sprintf("%.12g", values)))
  means <- aggregate(data.frame(marginal, conditional = residuals(m)), list(person = d$person), mean)
  residuals <- rbind(residuals, data.frame(design, person = means$person,
                                           marginal = sprintf("%.10g", means$marginal),
                                           conditional = sprintf("%.10g", means$conditional)))
}
made_by <- sprintf("# R %s.%s, lme4 %s", R.version$major, R.version$minor, packageVersion("lme4"))
for (name in c("fits", "residuals")) {
  path <- file.path(arguments[2], paste0("random_intercept_", name, ".tsv"))
  writeLines(made_by, path)
  suppressWarnings(write.table(get(name), path, append = TRUE, sep = "\t", quote = FALSE,
                               row.names = FALSE))
}
