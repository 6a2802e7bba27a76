"""A dataset recipe against a server on loopback."""

RECIPE = """
flow = "dataset"
[dataset.collect]
sources = [{{ name = "sample" }}]
[dataset.clean]
low = 640
[dataset.dedup]
[dataset.topics]
labeller = "given"
test_share = 0.2
[dataset.respond]
per_speech = 2
pool = {{ name = "two", models = [
  {{ name = "one", kind = "openai", url = "{url}", concurrency = {c} }},
  {{ name = "two", kind = "openai", url = "{url}", concurrency = {c} }},
] }}
[dataset.rate]
instrument = "psychocounsel"
judge = {{ name = "judge", kind = "openai", url = "{url}", concurrency = {c} }}
[dataset.pair]
instrument = "psychocounsel"
gap = 0.5
"""
