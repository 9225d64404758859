{{ quarantined('product_category_translations') }}
