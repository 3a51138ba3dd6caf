"""A pytest plugin: writes what became of each test as a line of JSON, and leaves out the tests that are named to it.

JAN_REPORT: the file to write. JAN_LEAVE_OUT: a file with the beginnings of ids to leave out, one a line. JAN_SHARD: such as
0/2, which share of the tests is run here.
"""

import json
import os
import sys

import pytest

# After all other places: a package that is really there is taken instead.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stubs"))


def short(item_id):
    return item_id.removeprefix("unit/")


def write(entry):
    with open(os.environ["JAN_REPORT"], "a", encoding="utf-8") as report:
        report.write(json.dumps(entry) + "\n")


def pytest_collection_modifyitems(config, items):
    with open(os.environ["JAN_LEAVE_OUT"], encoding="utf-8") as file:
        prefixes = tuple(line.strip() for line in file if line.strip())
    share, shares = (int(part) for part in os.environ["JAN_SHARD"].split("/"))
    left_out = []
    for index, item in enumerate(list(items)):
        if index % shares != share:
            left_out.append(item)
        elif prefixes and short(item.nodeid).startswith(prefixes):
            left_out.append(item)
            write({"id": short(item.nodeid), "outcome": "left out"})
        elif item.get_closest_marker("slow"):
            left_out.append(item)
            write({"id": short(item.nodeid), "outcome": "skipped", "message": "needs a large model from a hub (the suite marks it as slow)"})
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "teardown" and not report.failed:
        return
    if report.when == "setup" and report.passed:
        return
    entry = {"id": short(item.nodeid), "outcome": report.outcome, "seconds": round(report.duration, 2)}
    if report.skipped and isinstance(report.longrepr, tuple):
        entry["message"] = report.longrepr[2].removeprefix("Skipped: ")
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        entry["message"] = (crash.message if crash else str(report.longrepr))[:600]
        entry["line"] = getattr(crash, "lineno", None)
    write(entry)
