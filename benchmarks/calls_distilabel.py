"""distilabel's side of benchmarks/calls.py, run by the Python of its own environment: python
calls_distilabel.py URL CALLS FLIGHT.
"""

import json
import logging
import os
import resource
import sys
import time

from calls import SPEECH, SYSTEM


def main() -> None:
    logging.getLogger("httpx2").setLevel(
        logging.WARNING
    )  # a line for every request would count against it
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    url, calls, flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = [{"instruction": f"{n}: {SPEECH}"} for n in range(calls)]
    began, before = time.perf_counter(), cpu()
    with Pipeline(name="calls") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=flight)
        llm = OpenAILLM(
            model="m", base_url=url, api_key="none", generation_kwargs={"max_new_tokens": 300}
        )
        load >> TextGeneration(llm=llm, system_prompt=SYSTEM, input_batch_size=flight)
    done = pipeline.run(use_cache=False)["default"]["train"]
    assert len(done) == calls and all(done["generation"])
    peak = (
        max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        / 1024
    )
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": cpu() - before, "rss": peak}))


def cpu() -> float:
    """CPU seconds of this process and of those it started that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
