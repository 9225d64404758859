with delivered as (
    select * from {{ source('bronze', 'order_reviews') }}
),

typed as (
    select
        {{ as_text('review_id') }} as review_id,
        {{ as_text('order_id') }} as order_id,
        {{ as_integer('review_score') }} as review_score,
        {{ as_text('review_comment_title') }} as review_title,
        {{ as_text('review_comment_message') }} as review_message,
        {{ as_timestamp('review_creation_date') }} as created_at,
        {{ as_timestamp('review_answer_timestamp') }} as answered_at,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'review_id_missing': "review_id is null",
            'order_id_missing': "order_id is null",
            'review_score_out_of_range': "review_score is null or review_score not between 1 and 5"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['review_id', 'order_id']) }} as delivery_rank
from judged
