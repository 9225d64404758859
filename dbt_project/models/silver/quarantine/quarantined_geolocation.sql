{{ quarantined('geolocation') }}
