{# Delivered text to typed values. What cannot be read becomes null, and a rule decides what null means. #}

{% macro as_text(column) -%}
  nullif(trim({{ column }}), '')
{%- endmacro %}

{% macro as_integer(column) -%}
  try_cast({{ column }} as int)
{%- endmacro %}

{% macro as_money(column) -%}
  try_cast({{ column }} as decimal(18, 2))
{%- endmacro %}

{% macro as_double(column) -%}
  try_cast({{ column }} as double)
{%- endmacro %}

{% macro as_timestamp(column) -%}
  try_to_timestamp({{ column }}, 'yyyy-MM-dd HH:mm:ss')
{%- endmacro %}
