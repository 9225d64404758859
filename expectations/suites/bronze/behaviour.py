"""What may come beside the shop: the tracker's events, and contacts."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.bronze.delivered import (
    bad_days,
    judged,
    last_two,
    mean_hour,
    mix,
    moment,
    quiet_hours,
    repeated_keys,
    repeats,
    worst_day,
)
from expectations.suites.common import ENGINEERING, NOT_RARE, at_least, at_most, between, critical, share, warning

EVENTS = Suite(
    layer="bronze",
    table="clickstream_events",
    owner=ENGINEERING,
    measure=f"""
    with {judged("clickstream_events")},

    {repeats("clickstream_events", "event_id")},

    {quiet_hours("clickstream_events", "event_timestamp")},

    typed as (
        select
            {moment("event_timestamp")} as event_at,
            {moment("received_at")} as received_at,
            nullif(nullif(trim(customer_unique_id), ''), 'nan') as customer_unique_id
        from judged
    ),

    measured as (
        select
            {mean_hour("event_at")} as mean_hour,
            {share("received_at > event_at + interval 1 day")} as late_share,
            {share("customer_unique_id is not null")} as signed_in_share
        from typed
    )

    select *
    from measured
    cross join repeats
    cross join quiet
    """,
    checks=(
        critical(
            "events_were_loaded_twice",
            Dimension.UNIQUENESS,
            "A tracker sends a few events in a hundred again; a file that was written twice repeats half of its "
            "rows.",
            at_most("repeated_share", 0.2),
            repeated_keys("clickstream_events", "event_id"),
        ),
        critical(
            "visits_moved_by_hours",
            Dimension.DISTRIBUTION,
            "A tracker that reports in UTC puts visits three hours away from the orders that they lead to.",
            between("mean_hour_ratio", 0.93, 1.07),
        ),
        critical(
            "half_a_day_of_events_was_missing",
            Dimension.COMPLETENESS,
            "A collector that is down for half a day looks like a day of few visitors.",
            at_most("quiet_hours", 11),
        ),
        warning(
            "events_arrived_days_late",
            Dimension.TIMELINESS,
            "A queue that is stuck delivers days late, and after thirty days events are no longer taken in by "
            "themselves.",
            at_most("late_share", 0.1),
        ),
        warning(
            "visitors_were_not_recognised",
            Dimension.COMPLETENESS,
            "When the page no longer tells the tracker who is signed in, interactions of people dry up and no row "
            "is wrong.",
            between("signed_in_share_ratio", 0.5, 2),
        ),
    ),
)

EVENTS_BY_TYPE = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_type",
    owner=ENGINEERING,
    measure=mix("clickstream_events", "trim(event_type)"),
    checks=(
        critical(
            "event_type_vanished",
            Dimension.DISTRIBUTION,
            "A release that drops one call of the tracker ends a type of event, and the funnel breaks at that step.",
            at_least("share_ratio", 0.4, NOT_RARE),
        ),
        critical(
            "one_event_type_was_everything",
            Dimension.DISTRIBUTION,
            "A tracker that gives every event the same type still fills its file; no step of a funnel is nine "
            "tenths of it.",
            at_most("share", 0.9),
        ),
    ),
)

EVENTS_BY_DEVICE = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_device",
    owner=ENGINEERING,
    measure=mix("clickstream_events", "trim(device)"),
    checks=(
        critical(
            "device_vanished",
            Dimension.DISTRIBUTION,
            "A tracker that no longer loads on telephones loses most of the visitors, and those who are left "
            "convert better than ever.",
            at_least("share_ratio", 0.4, NOT_RARE),
        ),
        critical(
            "one_device_was_everything",
            Dimension.DISTRIBUTION,
            "Behind a proxy that hides the browser all visitors seem to use one device; none has nine tenths of a "
            "shop.",
            at_most("share", 0.9),
        ),
    ),
)

EVENTS_BY_DAY = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_day",
    owner=ENGINEERING,
    measure=worst_day("clickstream_events", "event_timestamp"),
    checks=(
        critical(
            "part_of_a_day_of_events_was_lost",
            Dimension.COMPLETENESS,
            "A day of the past that loses events from one whole delivery to the next was exported in part.",
            at_least("rows_left_of_worst_day", 0.75),
            bad_days("clickstream_events", "event_timestamp"),
        ),
    ),
)

CONTACTS = Suite(
    layer="bronze",
    table="customer_contacts",
    owner=ENGINEERING,
    measure=f"""
    with {last_two("customer_contacts")},

    people as (
        select
            customer_unique_id,
            max(case when age = 1 then marketing_consent end) as consent,
            max(case when age = 2 then marketing_consent end) as consent_before
        from last_two
        group by customer_unique_id
    )

    select {share("consent = consent_before")} as kept_share
    from people
    where consent is not null and consent_before is not null
    """,
    checks=(
        critical(
            "consents_were_turned_round",
            Dimension.VALIDITY,
            "A flag that means 'do not write' in place of 'may write' sends mail to those who asked for none; about "
            "half of them did, so that no share shows it.",
            at_least("kept_share", 0.8),
        ),
    ),
)
