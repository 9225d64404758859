"""What each channel brings: conversions and revenue of customer journeys, credited by four rules.

Why not SQL: the Markov model asks how many conversions would be lost without a channel. By its definition the
absorbing chain of all channels is solved once per removed channel, and SQL solves no linear equations. Spark makes
journeys of visits and counts those that went the same way; only the counts come here.

Source: E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, "Mapping the customer journey: Lessons learned from
graph-based online attribution modeling", International Journal of Research in Marketing 33(3), 2016. The chain here
is of first order.
"""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

# A visit that begins later than this after the one before begins a journey of its own.
LOOKBACK_DAYS = 30
# Credited conversions are whole numbers of millionths, so that they add up to the conversions.
MILLION = 10**6
START, CONVERSION, NO_CONVERSION = "start", "conversion", "no conversion"
RULES = ("first_touch", "last_touch", "linear", "markov")
COLUMNS = {
    "channel": "string",
    "provenance": "string",
    "sessions": "int",
    "journeys": "int",
    **{f"conversions_{rule}": "double" for rule in RULES},
    "removal_effect": "double",
    **{f"revenue_{rule}": "decimal(18, 2)" for rule in RULES},
}


def apportion(total, weights):
    """Share out a whole number in proportion to weights, by largest remainders (Hamilton's method).

    Args:
        total: a whole number, not negative.
        weights: a list of ints or Fractions, not negative, not all 0 unless ``total`` is.

    Returns:
        A list of ints of the same length that add up to ``total``; of equal remainders the first is served first.
    """
    if total == 0:
        return [0] * len(weights)
    whole = sum(weights)
    exact = [Fraction(total) * weight / whole for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda place: shares[place] - exact[place])
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def transition_counts(paths):
    """Count the steps of journeys from each state to the next.

    Args:
        paths: as :func:`attribute` takes them.

    Returns:
        A Counter of (state, next state). A channel is the state ("channel", its name), so that none can be mistaken
        for the states :data:`START`, :data:`CONVERSION` and :data:`NO_CONVERSION`.
    """
    counts = Counter()
    for path, journeys, conversions, _ in paths:
        states = [START, *(("channel", channel) for channel in path)]
        for state, following in pairwise(states):
            counts[state, following] += journeys
        counts[states[-1], CONVERSION] += conversions
        counts[states[-1], NO_CONVERSION] += journeys - conversions
    return counts


def removal_effects(counts, channels):
    """The share of conversions that is lost if every step to a channel ends the journey instead.

    A walk that converts either avoids a channel, or reaches it a first time and converts from there. So what is lost
    is the chance to reach it times the chance to convert from it. Both are in the fundamental matrix of the whole
    chain, and one solution serves all channels.

    Args:
        counts: as :func:`transition_counts` gives them, with at least one conversion.
        channels: a list of the channels.

    Returns:
        A list of floats from 0 to 1, one per channel.
    """
    import numpy as np

    states = [("channel", channel) for channel in channels]
    start = np.array([counts[START, state] for state in states], dtype=float)
    steps = np.array([[counts[state, following] for following in states] for state in states], dtype=float)
    conversions = np.array([counts[state, CONVERSION] for state in states], dtype=float)
    all_steps = steps.sum(axis=1) + conversions + [counts[state, NO_CONVERSION] for state in states]
    fundamental = np.linalg.inv(np.eye(len(states)) - steps / all_steps[:, None])
    converts = fundamental @ (conversions / all_steps)
    reached = start @ fundamental / np.diag(fundamental)
    effects = reached * converts / (start @ converts)
    return [float(effect) for effect in np.clip(effects, 0, 1)]


def touch_weights(paths, channels):
    """What each channel is credited with by the rules that look at one journey at a time.

    Args:
        paths: as :func:`attribute` takes them.
        channels: a list of the channels.

    Returns:
        A dict from first_touch, last_touch and linear to a pair of lists, one number per channel: conversions, and
        hundredths of BRL; exact, as ints or Fractions.
    """
    first, last, linear = [(Counter(), Counter()) for _ in range(3)]
    for path, _, conversions, cents in paths:
        for place, amount in enumerate((conversions, cents)):
            first[place][path[0]] += amount
            last[place][path[-1]] += amount
            for channel, times in Counter(path).items():
                # By length, so that fractions are added once per length and not once per path.
                linear[place][channel, len(path)] += times * amount
    lengths = sorted({len(path) for path, *_ in paths})
    return {
        "first_touch": tuple([amounts[channel] for channel in channels] for amounts in first),
        "last_touch": tuple([amounts[channel] for channel in channels] for amounts in last),
        "linear": tuple(
            [sum(Fraction(amounts[channel, length], length) for length in lengths) for channel in channels]
            for amounts in linear
        ),
    }


def attribute(paths):
    """Credit the channels of journeys with their conversions and their revenue.

    Args:
        paths: a list of (path, journeys, conversions, cents): the channels of a journey's visits in their order, how
            many journeys went that way, how many of them converted, and their revenue in hundredths of BRL.

    Returns:
        A list of dicts with the names of :data:`COLUMNS` except provenance, one per channel, by name; the order of
        ``paths`` does not matter. ``removal_effect`` is None where nothing was converted. Markov revenue is credited
        in proportion to the removal effects, as its conversions are.
    """
    sessions, journeys = Counter(), Counter()
    for path, count, _, _ in paths:
        for channel, times in Counter(path).items():
            sessions[channel] += times * count
            journeys[channel] += count
    channels = sorted(sessions)
    conversions = sum(conversions for _, _, conversions, _ in paths)
    revenue = sum(cents for *_, cents in paths)
    effects = removal_effects(transition_counts(paths), channels) if conversions else [None] * len(channels)
    # Twelve digits: what a linear solver leaves in the last ones decides nothing.
    lost = [round((effect or 0) * 10**12) for effect in effects]
    weights = {**touch_weights(paths, channels), "markov": (lost, lost)}
    credited = {
        rule: (apportion(conversions * MILLION, by_conversions), apportion(revenue, by_revenue))
        for rule, (by_conversions, by_revenue) in weights.items()
    }
    return [
        {
            "channel": channel,
            "sessions": sessions[channel],
            "journeys": journeys[channel],
            **{f"conversions_{rule}": credited[rule][0][place] / MILLION for rule in RULES},
            "removal_effect": None if effects[place] is None else round(effects[place], 6),
            **{f"revenue_{rule}": Decimal(credited[rule][1][place]).scaleb(-2) for rule in RULES},
        }
        for place, channel in enumerate(channels)
    ]


def journey_paths(visits):
    """Make journeys of visits and count those that went the same way.

    The visits of one person are one journey until a visit converts, or until none follows for :data:`LOOKBACK_DAYS`.
    A visitor who was signed in as exactly one person is that person in all visits. Other visits without a person are
    the visitor's own.

    Args:
        visits: a Spark frame with session_id, visitor_id, customer_unique_id, started_at, ended_at, channel,
            provenance, is_converting and revenue, one row per visit.

    Returns:
        A Spark frame with provenance, path (an array of channels), journeys, conversions and revenue, one row per
        provenance and path. Visits of different provenance are never in one journey.
    """
    from pyspark.sql import functions as F

    # Sorted by the person, so the engine need not hold all visits of all visitors.
    cookie = (
        "over (partition by provenance, visitor_id order by customer_unique_id {} nulls last "
        "rows between unbounded preceding and current row)"
    )
    walk = "over (partition by provenance, who order by started_at, session_id)"
    return (
        visits.selectExpr(
            "*",
            f"min(customer_unique_id) {cookie.format('asc')} as first_person",
            f"max(customer_unique_id) {cookie.format('desc')} as last_person",
        )
        .withColumn(
            "person", F.expr("coalesce(customer_unique_id, if(first_person = last_person, first_person, null))")
        )
        .withColumn("who", F.expr("coalesce(concat('person ', person), concat('visitor ', visitor_id))"))
        .withColumn(
            "is_first",
            F.expr(
                f"coalesce(lag(is_converting) {walk} "
                f"or started_at > lag(ended_at) {walk} + interval {LOOKBACK_DAYS} days, true)"
            ),
        )
        .withColumn("journey_number", F.expr(f"sum(int(is_first)) {walk}"))
        .groupBy("provenance", "who", "journey_number")
        .agg(
            F.array_sort(F.collect_list(F.struct("started_at", "session_id", "channel"))).alias("touches"),
            F.sum(F.expr("int(is_converting)")).alias("conversions"),
            F.sum("revenue").alias("revenue"),
        )
        .withColumn("path", F.expr("transform(touches, touch -> touch.channel)"))
        .groupBy("provenance", "path")
        .agg(
            F.count("*").alias("journeys"),
            F.sum("conversions").alias("conversions"),
            F.sum("revenue").alias("revenue"),
        )
    )


def visits_with_revenue(sessions, events, lines):
    """The visits of people, with the revenue of the orders that were placed in them.

    An order counts once, in the visit of its first purchase event; once more among visits of the other provenance.

    Args:
        sessions: fct_sessions as a Spark frame.
        events: clickstream_events as a Spark frame.
        lines: fct_order_items as a Spark frame.

    Returns:
        A Spark frame as :func:`journey_paths` takes it.
    """
    from pyspark.sql import functions as F

    visits = sessions.where("not is_bot")
    purchases = events.where("event_type = 'purchase'").selectExpr(
        "coalesce(visitor_id, session_id) as visitor_id", "event_id", "event_at", "order_id"
    )
    order_values = lines.where("is_revenue_order").groupBy("order_id").agg(F.sum("revenue").alias("order_value"))
    # The small side first in both joins: the engine holds that one.
    revenues = (
        purchases.join(
            visits.select("session_id", "visitor_id", "started_at", "ended_at", "provenance"), "visitor_id"
        )
        .where("event_at between started_at and ended_at")
        .selectExpr(
            "session_id",
            "order_id",
            "row_number() over (partition by provenance, order_id order by event_at, event_id) as purchase_number",
        )
        .where("purchase_number = 1")
        .join(order_values, "order_id")
        .groupBy("session_id")
        .agg(F.sum("order_value").alias("revenue"))
    )
    return revenues.join(visits, "session_id", "right").selectExpr(
        "session_id",
        "visitor_id",
        "customer_unique_id",
        "started_at",
        "ended_at",
        "referrer as channel",
        "provenance",
        "purchases > 0 as is_converting",
        "coalesce(revenue, 0) as revenue",
    )


def model(dbt, session):
    visits = visits_with_revenue(dbt.ref("fct_sessions"), dbt.ref("clickstream_events"), dbt.ref("fct_order_items"))
    paths = {}
    for row in journey_paths(visits).collect():
        path = (tuple(row["path"]), row["journeys"], row["conversions"], int(row["revenue"].scaleb(2)))
        paths.setdefault(row["provenance"], []).append(path)
    rows = [{"provenance": provenance, **row} for provenance in sorted(paths) for row in attribute(paths[provenance])]
    return session.createDataFrame(
        [tuple(row[column] for column in COLUMNS) for row in rows],
        ", ".join(f"{column} {data_type}" for column, data_type in COLUMNS.items()),
    )
