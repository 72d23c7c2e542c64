"""Where a step's time goes, of several runs beside each other. It only draws."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state as shared
from pages.shared.address import choice
from pages.shared.chart import chart
from pages.shared.records import records
from s2s.analysis.run.anatomy import anatomy_text, dissected, split, split_text, why_no_split
from s2s.charts.anatomy import anatomy_figure
from s2s.records import Run


def anatomies(runs: Sequence[Run]) -> None:
    """Of several runs, the fixed part of each step apart where two batch sizes tell it."""
    found = [dissected(run, records(shared.store(), run.id)[0]) for run in runs]
    known = [each for each in found if each]
    missing = [str(run.id) for run, each in zip(runs, found, strict=True) if not each]
    if not known:
        return
    st.subheader("Where a step's time goes")
    unit = choice("Step", ["milliseconds", "share"], "anatomy", label_visibility="collapsed")
    line = split(known)
    view = " ".join(str(each.run_id) for each in known)
    figure = anatomy_figure(known, line, shares=unit == "share", revision=view)
    chart(figure, anatomy_text(known, line), "compare_anatomy")
    said = [split_text(line) if line else why_no_split(known)]
    if missing:
        said.append(f"Phases were not told apart in run {', '.join(missing)}.")
    st.caption(" ".join(said))
