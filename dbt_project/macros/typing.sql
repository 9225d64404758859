{# Delivered text to typed values. What cannot be read becomes null, and a rule decides what null means. #}

{% macro as_text(column) -%}
  nullif(trim({{ column }}), '')
{%- endmacro %}

{# A key: the text "nan", which some programs write for a missing value, is none. #}
{% macro as_key(column) -%}
  nullif({{ as_text(column) }}, 'nan')
{%- endmacro %}

{% macro as_integer(column) -%}
  try_cast({{ as_text(column) }} as int)
{%- endmacro %}

{% macro as_money(column) -%}
  try_cast({{ as_text(column) }} as decimal(18, 2))
{%- endmacro %}

{# Degrees: decimal, so that a mean does not depend on the order in which points are added up. #}
{% macro as_degrees(column) -%}
  try_cast({{ as_text(column) }} as decimal(20, 15))
{%- endmacro %}

{% macro as_timestamp(column) -%}
  try_to_timestamp({{ as_text(column) }}, 'yyyy-MM-dd HH:mm:ss')
{%- endmacro %}

{# The month of a moment, by which large tables are laid out on disk. #}
{% macro month_of(column) -%}
  cast(date_trunc('month', {{ column }}) as date)
{%- endmacro %}

{# Days of the calendar from one date or moment to another: one engine counts them in int, the other in bigint. #}
{% macro days_between(earlier, later) -%}
  cast(datediff(cast({{ later }} as date), cast({{ earlier }} as date)) as int)
{%- endmacro %}

{# A quotient rounded half up in decimals: doubles would round a half now up and now down, differently on each engine. #}
{% macro quotient(numerator, denominator, type) -%}
  cast(cast({{ numerator }} as decimal(18, 2)) / nullif({{ denominator }}, 0) as {{ type }})
{%- endmacro %}
