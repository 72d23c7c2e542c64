"""The door of the dashboard: `streamlit run dashboard.py`."""

import streamlit as st

from pages.parts import door, status
from pages.parts.guard import guarded
from pages.parts.live_chart import provide_plotly
from s2s.threads import spin_briefly

spin_briefly()

# Before the pages: a Material icon as the tab's own would be fetched from Google.
st.set_page_config(page_icon="🔤", layout="wide")
door.open_door()
page = door.navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
guarded(status.strip)(provide_plotly())
guarded(page.run)()
