with delivered as (
    select * from {{ source('bronze', 'order_reviews') }}
),

orders as (
    select * from {{ ref('orders') }}
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
        typed.*,
        {{ first_broken_rule({
            'review_id_missing': "typed.review_id is null",
            'order_id_missing': "typed.order_id is null",
            'review_score_out_of_range': "typed.review_score is null or typed.review_score not between 1 and 5",
            'order_unknown': "orders.order_id is null"
        }) }} as broken_rule
    from typed
    left join orders on typed.order_id = orders.order_id
)

select
    *,
    {{ delivery_rank(['review_id', 'order_id']) }} as delivery_rank
from judged
