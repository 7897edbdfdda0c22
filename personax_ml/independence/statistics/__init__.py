"""The tests themselves, one module each: from strata to `prepared.Prepared`."""
