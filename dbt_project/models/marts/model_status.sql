{#- What is reported of each model, whether more is better, and what counts as a baseline there: the same as for the
    gate of the model, which a test compares. -#}
{%- set reported = [
    ('recommender', 'basket_completion_ndcg_at_10', 1),
    ('churn', 'auc', 1),
    ('churn', 'top_decile_lift', 1),
    ('forecast', 'wape', -1),
] -%}
{%- set baselines = [
    'random', 'popularity', 'recent_popularity', 'popular_in_category', 'recently_popular_in_category', 'item_knn',
    'bought_together',
    'frequency_then_recency', 'recency', 'rfm_risk', 'rfm_score', 'prevalence',
    'naive', 'seasonal_naive', 'mean_4', 'mean_12', 'mean_26', 'mean_52', 'median_52', 'half_way_16', 'ets', 'theta',
    'arima',
] -%}

with metrics as (
    select
        *,
        case
            {%- for model, metric, direction in reported %}
            when model_name = '{{ model }}' and metric = '{{ metric }}' then {{ direction }}
            {%- endfor %}
        end as direction
    from {{ source('ml', 'model_metrics') }}
),

scored as (
    {%- for table in ['product_recommendations', 'churn_scores', 'revenue_forecast'] %}
    select distinct
        model_name,
        model_version
    from {{ source('ml', table) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- A champion may be given the alias by hand, so what scored says which it is. Before that, the newest that became one.
of_champions as (
    select *
    from (
        select
            metrics.*,
            coalesce(
                scored.model_version,
                max(case when metrics.is_promoted then metrics.model_version end) over (
                    partition by metrics.model_name
                )
            ) as champion_version
        from metrics
        left join scored on metrics.model_name = scored.model_name
        where metrics.direction is not null
    ) as of_all
    where model_version = champion_version
),

candidates as (
    select * from of_champions
    where subject = 'candidate'
),

ranked as (
    select
        model_name,
        metric,
        subject,
        value,
        row_number() over (
            partition by model_name, metric
            order by value * direction desc, subject asc
        ) as place
    from of_champions
    where subject in ('{{ baselines | join("', '") }}')
)

select
    candidates.model_name,
    candidates.metric,
    candidates.model_version,
    candidates.as_of_date as trained_as_of,
    candidates.value as measured,
    candidates.value_low as measured_low,
    candidates.value_high as measured_high,
    candidates.direction = 1 as is_more_better,
    ranked.subject as best_baseline,
    ranked.value as baseline_measured
from candidates
left join ranked
    on
        candidates.model_name = ranked.model_name
        and candidates.metric = ranked.metric
        and ranked.place = 1
