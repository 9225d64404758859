{# Weeks follow one another: seven days from each to the next. #}
{% test weekly_revenue_has_no_gap(model) %}
with weeks as (
    select
        week_start,
        lag(week_start) over (order by week_start asc) as week_before
    from {{ model }}
)

select * from weeks
where datediff(week_start, week_before) != 7
{% endtest %}
