"""The door of the dashboard: `streamlit run dashboard.py`."""

import streamlit as st

from pages.parts import door, login, reach, status
from pages.parts.guard import guarded
from pages.parts.live_chart import provide_plotly
from s2s.threads import spin_briefly

spin_briefly()

door.set_icon()
reach.turn_away()
login.admit()
door.open_door()
page = door.navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
login.log_out()
guarded(status.strip)(provide_plotly(), live=page.title == "Train")
guarded(page.run)()
