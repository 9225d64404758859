{{ quarantined('customer_contacts') }}
