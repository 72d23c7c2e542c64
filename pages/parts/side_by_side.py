"""Runs side by side: loss curves, bars and a table. It only draws."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.parts import shared
from pages.parts.live_chart import chart
from pages.parts.records import records
from s2s.analysis import words
from s2s.analysis.comparison import Row, bars_text, fairness, ratio, ratio_text, row
from s2s.analysis.lines import loss_line, loss_text
from s2s.analysis.steps import Axis, LossScale
from s2s.charts.bars import bars_figure
from s2s.charts.loss import loss_figure
from s2s.records import Run
