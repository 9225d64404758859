with delivered as (
    select * from {{ source('bronze', 'customer_contacts') }}
),

customers as (
    select * from {{ ref('customers') }}
),

typed as (
    select
        {{ as_key('customer_unique_id') }} as customer_unique_id,
        {{ as_text('full_name') }} as full_name,
        lower({{ as_text('email') }}) as email,
        {{ as_text('phone') }} as phone,
        {{ as_text('marketing_consent') }} as consent_text,
        {{ as_text('provenance') }} as provenance,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        typed.*,
        {{ first_broken_rule({
            'customer_unique_id_missing': "typed.customer_unique_id is null",
            'customer_unknown': "customers.customer_unique_id is null",
            'email_malformed': "typed.email not rlike '^[^@ ]+@[^@ ]+[.][^@ ]+$'",
            'consent_unknown': "typed.consent_text is null or typed.consent_text not in ('true', 'false')",
            'provenance_unknown': "typed.provenance is null or typed.provenance not in ('observed', 'generated')"
        }) }} as broken_rule
    from typed
    left join customers on typed.customer_unique_id = customers.customer_unique_id
)

select
    customer_unique_id,
    full_name,
    email,
    phone,
    consent_text = 'true' as marketing_consent,
    provenance,
    {{ audit_columns() }},
    broken_rule,
    {{ delivery_rank(['customer_unique_id']) }} as delivery_rank
from judged
