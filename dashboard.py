"""The dashboard's script, started by `streamlit run dashboard.py`.

Streamlit reruns it at every visit and interaction.
"""

import streamlit as st

from pages.shared.access import reject_foreign_origin, require_login, show_logout_bar
from pages.shared.errors import catch_errors
from pages.shared.navigation import show_navigation, show_status_bar
from s2s.threads import limit_thread_spinning

limit_thread_spinning()

# Set the icon before the navigation is shown, which would load one from Google otherwise. The title
# follows when the page is known.
st.set_page_config(page_icon="🔤", layout="wide")
reject_foreign_origin()
require_login()
page = show_navigation()
st.set_page_config(page_title=f"{page.title} · s2s")
show_logout_bar()
catch_errors(show_status_bar)(is_live_page=page.title == "Train")
catch_errors(page.run)()
