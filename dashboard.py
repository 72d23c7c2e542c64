"""The dashboard's script, run by `streamlit run dashboard.py` at every visit and interaction."""

import streamlit as st

from pages.shared.access import logout_bar, reject_foreign_origin, require_login
from pages.shared.errors import catch_errors
from pages.shared.navigation import show_navigation, status_bar
from s2s.threads import limit_thread_spinning

limit_thread_spinning()

# The icon comes first: without it, the navigation would load an icon from Google.
st.set_page_config(page_icon="🔤", layout="wide")
reject_foreign_origin()
require_login()
page = show_navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
logout_bar()
catch_errors(status_bar)(is_live_page=page.title == "Train")
catch_errors(page.run)()
