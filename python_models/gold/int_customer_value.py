"""What each person is likely to buy in the next 180 days.

When and whether people come back: the MBG/NBD model (Batislam, Denizel and Filiztekin 2007, Int. J. of Research in
Marketing 24, 201-209; Hoppe and Wagner 2007, Marketing ZFP 29, 75-90). While active, a person buys by a Poisson
process whose rate differs between people by a gamma distribution (r, alpha); after every purchase, the first one
too, they may leave for good, with a probability that differs by a beta distribution (a, b). BG/NBD, which it
modifies, says of all who bought once that they are surely still there. What they spend: the gamma-gamma model (Fader
and Hardie 2013, brucehardie.com/notes/025), which pulls a person's average toward that of all, the less the more
often they bought.

Why not SQL: the parameters are the maximum of a likelihood made of gamma functions. Only counts of equal histories
travel to the driver for it; the forecasts are then made where the people lie.

A history is x, the repeat occasions (days with a purchase after the first); t_x, the days from the first to the last;
and T, the days from the first to the end of the period. Times are in days.
"""

HORIZON_DAYS = 180
# Spread of the logarithm of a parameter before any data is seen: its usual value may be off by a factor of twenty.
PRIOR_SD = 3.0
# Time is fitted in years, so that the usual rate, one purchase a year, is 1.
DAYS_PER_YEAR = 365.0
# Parameters stay within a factor of 400 of their usual value: beyond it people do not differ, and digits get lost.
BOUND = 6.0
# Nodes of the integral over the horizon; more of them change no digit that is kept.
NODES = 24


def purchase_objective(log_parameters, x, t_x, T, people):
    """Minus the logarithm of what the fit maximises, a person, and its gradient.

    Args:
        log_parameters: logarithms of r, alpha, a and b; alpha in the unit of the times.
        x, t_x, T: arrays of histories, one element per distinct history.
        people: how many people have each.

    Returns:
        (value, gradient of four). The value is minus the MBG/NBD log-likelihood plus the weak prior, over the number
        of people.
    """
    import numpy as np
    from scipy.special import digamma, expit, gammaln

    r, alpha, a, b = np.exp(log_parameters)
    log_end, log_last = np.log(alpha + T), np.log(alpha + t_x)
    active = -(r + x) * log_end
    gone = np.log(a) - np.log(b + x) - (r + x) * log_last
    log_likelihood = (
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        + gammaln(a + b)
        - gammaln(b)
        + gammaln(b + x + 1)
        - gammaln(a + b + x + 1)
        + np.logaddexp(active, gone)
    )
    alive = expit(active - gone)
    slopes = np.array(
        [
            digamma(r + x) - digamma(r) + np.log(alpha) - alive * log_end - (1 - alive) * log_last,
            r / alpha - (r + x) * (alive / (alpha + T) + (1 - alive) / (alpha + t_x)),
            digamma(a + b) - digamma(a + b + x + 1) + (1 - alive) / a,
            digamma(a + b) - digamma(b) + digamma(b + x + 1) - digamma(a + b + x + 1) - (1 - alive) / (b + x),
        ]
    )
    return penalised(log_parameters, log_likelihood, slopes, people)


def spend_objective(log_parameters, occasions, mean_value, people):
    """Minus the logarithm of what the fit of spend maximises, a person, and its gradient.

    Args:
        log_parameters: logarithms of p, q - 1 and the mean of the population, in the unit of the values.
        occasions, mean_value: arrays of people's purchase occasions and their average value, above 0.
        people: how many people have each.

    Returns:
        (value, gradient of three), of the gamma-gamma log-likelihood with the weak prior as above.
    """
    import numpy as np
    from scipy.special import digamma, gammaln

    p, surplus, mean = np.exp(log_parameters)
    q, scale = surplus + 1, mean * surplus / p
    total, shape = occasions * mean_value, p * occasions
    log_sum = np.log(scale + total)
    log_likelihood = (
        gammaln(shape + q)
        - gammaln(shape)
        - gammaln(q)
        + q * np.log(scale)
        + shape * np.log(total)
        - np.log(mean_value)
        - (shape + q) * log_sum
    )
    by_p = occasions * (digamma(shape + q) - digamma(shape) + np.log(total) - log_sum)
    by_q = digamma(shape + q) - digamma(q) + np.log(scale) - log_sum
    by_log_scale = q - (shape + q) * scale / (scale + total)
    # The chain rule below multiplies by the parameter once more.
    slopes = np.array([by_p - by_log_scale / p, by_q + by_log_scale / surplus, by_log_scale / mean])
    return penalised(log_parameters, log_likelihood, slopes, people)


def penalised(log_parameters, log_likelihood, slopes, people):
    """Sum over people, with a normal prior on the logarithms of the parameters; (value, gradient) a person."""
    import numpy as np

    count = max(people.sum(), 1.0)
    value = (people * log_likelihood).sum() - (log_parameters**2).sum() / (2 * PRIOR_SD**2)
    gradient = (slopes * people).sum(axis=1) * np.exp(log_parameters) - log_parameters / PRIOR_SD**2
    return -value / count, -gradient / count


def maximise(objective, size, *columns):
    """The parameters at the maximum, from the start 1, 1, ...; rows in any order give the same digits.

    Raises:
        RuntimeError: the search ended where the slope is not zero, and not at a bound.
    """
    import numpy as np
    from scipy.optimize import minimize

    columns = np.array([np.asarray(column, dtype=float) for column in columns])
    columns = columns[:, np.lexsort(columns)]
    point = np.zeros(size)
    # A search that ends in a flat valley finds its way out when it begins there again with no memory.
    for _ in range(10):
        fit = minimize(
            objective,
            point,
            args=tuple(columns),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-BOUND, BOUND)] * size,
            options={"maxiter": 1000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-9},
        )
        point = fit.x
        # At a bound the slope may point outward.
        slope = np.abs(point - np.clip(point - fit.jac, -BOUND, BOUND)).max()
        if slope < 1e-4:
            return np.exp(point)
    raise RuntimeError(f"The fit of {objective.__name__} did not converge: the slope is {slope:.2g}.")


def fit_purchases(x, t_x, T, people):
    """Fit the MBG/NBD model by maximum likelihood, made safe for small shops by a weak prior.

    The likelihood alone has no maximum where nobody came back: any rate near zero will do. The prior, normal with
    standard deviation PRIOR_SD on the logarithms around one purchase a year (r = 1, alpha = 365) and even odds of
    leaving (a = b = 1), then gives small numbers above zero, and smaller ones the more people did not come back. With
    many people it moves the parameters by about a hundredth or less.

    Args:
        x, t_x, T: arrays of histories in days, in any order; none at all gives the prior.
        people: how many people have each.

    Returns:
        (r, alpha, a, b), all above zero, alpha in days.
    """
    import numpy as np

    years = [np.asarray(days, dtype=float) / DAYS_PER_YEAR for days in (t_x, T)]
    r, alpha, a, b = maximise(purchase_objective, 4, x, *years, people)
    return float(r), float(alpha * DAYS_PER_YEAR), float(a), float(b)


def probability_alive(parameters, x, t_x, T):
    """The probability that a person with this history has not left, from 0 to 1 (Batislam et al. 2007, appendix)."""
    import numpy as np
    from scipy.special import expit

    r, alpha, a, b = parameters
    return expit(np.log(b + x) - np.log(a) - (r + x) * (np.log(alpha + T) - np.log(alpha + t_x)))


def expected_purchases(parameters, x, t_x, T, horizon):
    """The expected number of purchase occasions in the next `horizon` days, at least 0.

    The closed form (Hoppe and Wagner 2007) divides by a - 1, and loses its digits where a is near 1. This is the
    same, as the integral over the horizon of the rate at which those who are still there buy, every term above zero.
    """
    import numpy as np
    from scipy.special import hyp2f1

    r, alpha, a, b = parameters
    x, T = np.asarray(x, dtype=float), np.asarray(T, dtype=float)
    length = np.log1p(horizon / (alpha + T))
    # Of two equal forms of the hypergeometric function, the one that stays finite.
    leaving = a > r + x + 1
    first, second = np.where(leaving, r + x + 1, a + b - r), np.where(leaving, b + x + 1, a)
    power = np.where(leaving, -(r + x), 1 - a)
    rate = np.zeros(np.broadcast(x, T).shape)
    for node, weight in zip(*np.polynomial.legendre.leggauss(NODES), strict=True):
        moment = length * (node + 1) / 2
        decline = np.exp(power * moment) * hyp2f1(first, second, a + b + x + 1, -np.expm1(-moment))
        rate += weight / 2 * length * decline
    return probability_alive(parameters, x, t_x, T) * (r + x) * rate


def fit_spend(occasions, mean_value, people, usual_value):
    """Fit the gamma-gamma model on people who bought more than once, with the weak prior around the shop's average.

    One value a person says nothing of how much a person's values differ among themselves, which is what the pull
    toward the average depends on; so people who bought once are left out of the fit. So are those who paid nothing.
    Without anybody to learn from, the value of a person who bought once is half their own and half the average.

    Args:
        occasions: purchase occasions, two or more.
        mean_value: the average value of an occasion.
        people: how many people have each of the pairs.
        usual_value: the average value of all occasions of the shop, the unit of money of the fit.

    Returns:
        (p, q - 1, mean of the population), the mean in the unit of the values.
    """
    import numpy as np

    occasions, mean_value = np.asarray(occasions, dtype=float), np.asarray(mean_value, dtype=float)
    kept = (occasions > 1) & (mean_value > 0)
    unit = usual_value if usual_value > 0 else 1.0
    p, surplus, mean = maximise(
        spend_objective, 3, occasions[kept], mean_value[kept] / unit, np.asarray(people, dtype=float)[kept]
    )
    return float(p), float(surplus), float(mean * usual_value)


def expected_value(parameters, occasions, mean_value):
    """The expected value of a person's next occasion: between their own average and that of the population."""
    p, surplus, mean = parameters
    own = p * occasions / (p * occasions + surplus)
    return own * mean_value + (1 - own) * mean


def forecasts(blocks, purchases, spend):
    """Add the forecasts to frames of people, rounded so that two engines write the same digits; yields frames."""
    for block in blocks:
        x, t_x, T = (block[name].to_numpy(float) for name in ("repeat_occasions", "days_first_to_last", "age_days"))
        values = expected_value(spend, x + 1, block["revenue_cents"].to_numpy(float) / (x + 1))
        yield block.assign(
            probability_alive=probability_alive(purchases, x, t_x, T).round(6),
            expected_occasions=expected_purchases(purchases, x, t_x, T, HORIZON_DAYS).round(6),
            expected_occasion_cents=values.round().astype("int64"),
        )


def purchase_histories(lines):
    """Sum up when and for how much people bought; purchases of one day are one occasion.

    Args:
        lines: a Spark frame with customer_unique_id, purchase_date, revenue and reporting_date, one row per line of
            an order, none after the reporting date.

    Returns:
        A Spark frame with customer_unique_id, repeat_occasions, days_first_to_last, age_days and revenue_cents, one
        row per person.
    """
    from pyspark.sql import functions as F

    occasions = lines.groupBy("customer_unique_id", "purchase_date", "reporting_date").agg(
        F.sum("revenue").alias("revenue")
    )
    first, last = F.min("purchase_date"), F.max("purchase_date")
    return occasions.groupBy("customer_unique_id").agg(
        (F.count("*") - 1).cast("int").alias("repeat_occasions"),
        F.datediff(last, first).alias("days_first_to_last"),
        F.datediff(F.max("reporting_date"), first).alias("age_days"),
        (F.sum("revenue").cast("decimal(18,2)") * 100).cast("bigint").alias("revenue_cents"),
    )


def customer_value(people):
    """Fit both models on the people and forecast each of them.

    Args:
        people: a Spark frame as :func:`purchase_histories` returns it.

    Returns:
        A Spark frame with its columns, and probability_alive, expected_occasions and expected_occasion_cents.
    """
    from pyspark.sql import functions as F

    histories = people.groupBy("repeat_occasions", "days_first_to_last", "age_days").agg(F.count("*").alias("people"))
    histories = histories.toPandas().to_numpy(float)
    purchases = fit_purchases(*histories.T)

    # People who bought once only add to the average, so they travel as one row.
    own_cents = F.when(F.col("repeat_occasions") > 0, F.col("revenue_cents"))
    sums = people.groupBy((F.col("repeat_occasions") + 1).alias("occasions"), own_cents.alias("own_cents")).agg(
        F.count("*").alias("people"), F.sum("revenue_cents").alias("cents")
    )
    occasions, own, count, cents = sums.toPandas().to_numpy(float).T
    usual_value = cents.sum() / max((occasions * count).sum(), 1.0)
    repeat = occasions > 1
    spend = fit_spend(occasions[repeat], own[repeat] / occasions[repeat], count[repeat], usual_value)

    return people.mapInPandas(
        lambda blocks: forecasts(blocks, purchases, spend),
        "customer_unique_id string, repeat_occasions int, days_first_to_last int, age_days int, revenue_cents bigint,"
        " probability_alive double, expected_occasions double, expected_occasion_cents bigint",
    )


def model(dbt, session):
    from pyspark.sql import functions as F

    as_of = dbt.ref("as_of").select("reporting_date")
    # The single row first: the embedded engine gives a batch for each row on the left of a cross join.
    lines = (
        as_of.crossJoin(dbt.ref("fct_order_items"))
        .where("is_revenue_order and purchase_date <= reporting_date")
        .select("customer_unique_id", "purchase_date", "revenue", "reporting_date")
    )
    people = customer_value(purchase_histories(lines))
    return as_of.crossJoin(people).withColumn("horizon_days", F.lit(HORIZON_DAYS))
