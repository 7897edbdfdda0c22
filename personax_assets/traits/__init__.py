"""Traits: raters are asked about people, their answers kept, scored and judged.

`prompts` make requests, `raters` describe whom to ask, `engine` asks and remembers (`journal`),
`scores` and `quality` sum up. `simulated_server` stands in for real raters where people are
invented.
"""
