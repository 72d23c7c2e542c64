"""The door of the dashboard: `streamlit run dashboard.py`."""

import streamlit as st

from pages.parts import door, status
from pages.parts.live_chart import provide_plotly
from s2s.threads import spin_briefly

spin_briefly()

door.set_icon()
door.open_door()
page = door.navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
status.strip(provide_plotly())
page.run()
