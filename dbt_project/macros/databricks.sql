{# What only Databricks has, for all models at once. What is said of a table there follows from what the project says of
   it anyway: its grain test is its primary key, its relationships tests are its foreign keys, meta.pii is a tag. #}

{# Tables are clustered there (dbt_project.yml), and what is clustered cannot be partitioned too. #}
{% macro databricks__partition_cols(label, required=false) %}{% endmacro %}

{# After a table has been made: what may not be null, and its key. A snapshot is made once and merged from then on, and
   dbt-databricks asks this of it each time: it has no key there. #}
{% macro databricks__persist_constraints(relation, model) %}
  {%- if model.resource_type != 'snapshot' %}
    {%- set key = grain_of(model.unique_id) %}
    {%- set required = key | list %}
    {%- for column in model.columns.values() if column.constraints | selectattr('type', 'eq', 'not_null') | list %}
      {%- do required.append(column.name) if column.name not in required %}
    {%- endfor %}
    {%- for name in required %}
      {%- do run_query("alter table " ~ relation.render() ~ " alter column " ~ adapter.quote(name) ~ " set not null") %}
    {%- endfor %}
    {%- if key %}
      {%- do run_query(
          "alter table " ~ relation.render() ~ " add constraint " ~ model.name ~ "_key primary key (" ~ key | join(", ") ~ ")"
      ) %}
    {%- endif %}
  {%- endif %}
{% endmacro %}

{# After every build of a table: descriptions as dbt-databricks writes them, and a tag on what is personal. #}
{% macro databricks__persist_docs(relation, model, for_relation=True, for_columns=True) %}
  {{ dbt.databricks__persist_docs(relation, model, for_relation, for_columns) }}
  {%- set tags = {} %}
  {%- for column in model.columns.values() if column.meta.pii %}
    {%- do tags.update({column.name: {'pii': 'true'}}) %}
  {%- endfor %}
  {%- if tags %}
    {%- do apply_column_tags(relation, {'set_column_tags': tags}) %}
  {%- endif %}
{% endmacro %}

{# After a run: where the keys of each table lead that was built in it. Here and not beside the table, because a table
   need not be built from those that its keys lead to. One that stays may have its foreign key already. #}
{% macro declare_foreign_keys(results) %}
  {%- if execute %}
    {%- for result in results if result.status == 'success' and result.node.resource_type == 'model' %}
      {%- set node = result.node %}
      {%- for test in graph.nodes.values() if leads_from(test, node.unique_id) %}
        {%- set parent = graph.nodes[referred_to(test)] %}
        {%- if grain_of(parent.unique_id) == [test.test_metadata.kwargs.field] %}
          {%- set name = node.name ~ "_" ~ test.column_name ~ "_leads_to_" ~ parent.name %}
          {%- do run_query("alter table " ~ node.relation_name ~ " drop constraint if exists " ~ name) %}
          {%- do run_query(
              "alter table " ~ node.relation_name ~ " add constraint " ~ name ~ " foreign key (" ~ test.column_name
              ~ ") references " ~ parent.relation_name ~ " (" ~ test.test_metadata.kwargs.field ~ ")"
          ) %}
        {%- endif %}
      {%- endfor %}
    {%- endfor %}
  {%- endif %}
{% endmacro %}

{# The columns of the grain test of a node; none without one. #}
{% macro grain_of(unique_id) %}
  {%- for test in graph.nodes.values() if test.attached_node == unique_id and (test.test_metadata or {}).name == 'grain' %}
    {{- return(test.test_metadata.kwargs.columns) }}
  {%- endfor %}
  {{- return([]) }}
{% endmacro %}

{# Whether a test says that all values of a column of a node are keys of a model; not of some of its rows alone. #}
{% macro leads_from(test, unique_id) %}
  {{- return(
      test.attached_node == unique_id and (test.test_metadata or {}).name == 'relationships' and not test.config.where
      and referred_to(test).startswith('model.')
  ) }}
{% endmacro %}

{# What a relationships test looks its values up in. #}
{% macro referred_to(test) %}
  {{- return((test.depends_on.nodes | reject('eq', test.attached_node) | list + [test.attached_node]) | first) }}
{% endmacro %}
