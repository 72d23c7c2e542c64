"""The door of the dashboard: `streamlit run dashboard.py`."""

import streamlit as st

from pages.shared import access as reach
from pages.shared import login, navigation
from pages.shared import status_bar as status
from pages.shared.chart import provide_plotly
from pages.shared.errors import guarded
from s2s.threads import spin_briefly

spin_briefly()

navigation.set_icon()
reach.turn_away()
login.admit()
page = navigation.navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
login.log_out()
guarded(status.strip)(provide_plotly(), live=page.title == "Train")
guarded(page.run)()
