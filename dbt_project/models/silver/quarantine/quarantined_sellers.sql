{{ quarantined('sellers') }}
