{# Folder = layer = schema: the schema is the layer's name, in every environment. Environments are apart by database. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
