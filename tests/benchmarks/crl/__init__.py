"""Level II against the truth and against the clock.

    python -m tests.benchmarks.crl                     # every part
    python -m tests.benchmarks.crl --part numeric      # one of them
    python -m tests.benchmarks.crl --quick             # tuning seeds and small sizes

A part is a module here with `measure(quick) -> Part`; its docstring says what it measures.
"""
