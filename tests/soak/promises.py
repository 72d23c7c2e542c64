"""The promises of docs/reliability.md: the test that holds each, and one edit that breaks it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    sentence: str
    """As docs/reliability.md says it."""
    test: str
    """As pytest names it."""
    file: str
    """Of the project, from its root."""
    old: str
    """Occurs in the file once."""
    new: str


CRASHES = (
    Promise(
        "A run that was cut off goes on to the very same losses as one that never was, bit for bit "
        "on the CPU.",
        "tests/runs/test_resume.py::test_a_killed_run_goes_on_to_the_very_same_losses",
        "s2s/training/loop.py",
        "            self._drawing.restore(start.sampler)\n",
        "",
    ),
    Promise(
        "So does a run whose process was killed over its training.",
        "tests/soak/test_crash.py::test_what_was_recorded_stays_recorded[training]",
        "s2s/training/loop.py",
        '            torch.set_rng_state(start.state["random.cpu"])\n',
        "",
    ),
    Promise(
        "Resuming drops what came after the checkpoint, and nothing else.",
        "tests/runs/test_resume.py::test_what_came_after_the_checkpoint_is_dropped_and_nothing_else",
        "s2s/runs/resume.py",
        '        database.execute("DELETE FROM evaluations WHERE run_id = ? AND iteration > ?", after)\n',
        "",
    ),
    Promise(
        "A kill costs about a minute of training at most: checkpoints are also made by the clock.",
        "tests/runs/test_resume.py::test_a_checkpoint_every_so_often_between_evaluations",
        "s2s/runs/execute.py",
        "            if isinstance(event, Evaluation) or (settled and late):\n",
        "            if isinstance(event, Evaluation):\n",
    ),
    Promise(
        "A process that is killed over a checkpoint leaves the earlier one whole.",
        "tests/training/test_checkpoint.py::"
        "test_a_process_killed_over_a_checkpoint_leaves_the_earlier_one",
        "s2s/training/checkpoint.py",
        '    beside = folder / f".{FILE_NAME}.{os.getpid()}"\n',
        "    beside = folder / FILE_NAME\n",
    ),
    Promise(
        "What a dead process left half written is cleared away at the next start.",
        "tests/runs/test_artifacts.py::test_what_a_dead_process_left_of_a_checkpoint_is_removed",
        "s2s/runs/artifacts.py",
        "                path.unlink()\n",
        "                pass\n",
    ),
    Promise(
        "Of two who resume a run one gets it.",
        "tests/runs/test_resume.py::test_one_of_two_who_resume_gets_the_run",
        "s2s/runs/resume.py",
        '            " WHERE id = ? AND state = ?",\n',
        '            " WHERE id = ? AND state <> ?",\n',
    ),
    Promise(
        "A killed program's run does not stay 'running' on a page that is open.",
        "tests/pages/test_offer_resume.py::"
        "test_a_run_of_a_killed_program_does_not_go_on_running_on_an_open_page",
        "pages/parts/status.py",
        "    shared.store().mark_interrupted()\n",
        "",
    ),
)
OWNERS = (
    Promise(
        "Setting the clock makes no living run dead.",
        "tests/runs/test_owner.py::test_a_clock_that_is_set_kills_no_run",
        "s2s/runs/owner.py",
        '        if Path("/proc/self/stat").exists():\n',
        "        if False:\n",
    ),
    Promise(
        "A clock that goes back loses no reading on a live page.",
        "tests/pages/test_page_records.py::test_a_clock_that_goes_back_loses_no_reading",
        "s2s/runs/store.py",
        '            " WHERE run_id = ? AND rowid > ? ORDER BY rowid",\n',
        '            " WHERE run_id = ? AND at > (SELECT coalesce(max(at), 0) FROM device_samples"\n'
        '            " WHERE rowid = ?) ORDER BY rowid",\n',
    ),
    Promise(
        "A process id that is used again is another process.",
        "tests/runs/test_owner.py::test_a_process_id_used_again_is_another_process",
        "s2s/runs/owner.py",
        '    return bool(start == row["owner_start"])\n',
        "    return bool(start)\n",
    ),
    Promise(
        "A run of another machine counts as dead only after a minute of silence that was watched.",
        "tests/runs/test_owner.py::test_a_run_of_another_machine_lives_while_its_heart_beats",
        "s2s/runs/owner.py",
        '    if row["owner_machine"] != _machine():\n',
        "    if False:\n",
    ),
    Promise(
        "Stop works from another process, in every long phase of a run.",
        "tests/runs/test_stop_elsewhere.py::test_stop_is_seen_in_each_long_phase",
        "s2s/runs/execute.py",
        "        if stop.is_set() or _asked_to_stop(store, run.id):\n            raise _EndedError\n\n    try:",
        "        if stop.is_set():\n            raise _EndedError\n\n    try:",
    ),
    Promise(
        "Ctrl-C and SIGTERM end a training within 3 s, with a checkpoint to go on from.",
        "tests/test_cli.py::test_ctrl_c_interrupts_within_three_seconds_with_a_checkpoint",
        "s2s/runs/execute.py",
        "    except _EndedError:\n        recorder.flush()\n"
        "        recorder.unsaved = save(store, run, trainer)\n",
        "    except _EndedError:\n        recorder.flush()\n",
    ),
    Promise(
        "`make run` leaves no process behind, and the next start offers to resume.",
        "tests/browser/test_shutdown.py::test_a_training_is_interrupted_and_goes_on_after_a_restart",
        "pages/parts/shared.py",
        "            atexit.register(_shut_down, _manager)  # Ctrl-C, SIGTERM\n",
        "",
    ),
    Promise(
        "Two tabs, dashboards or commands never train on one device at once, and no step is lost.",
        "tests/concurrency/test_runs_at_once.py::test_two_dashboards_and_two_commands_on_one_store",
        "s2s/runs/lease.py",
        "        yield lock.is_locked\n    finally:\n        lock.release()\n",
        "        held = lock.is_locked\n        lock.release()\n        yield held\n"
        "    finally:\n        lock.release()\n",
    ),
    Promise(
        "A sweep is done by one process, however many take it up.",
        "tests/concurrency/test_runs_at_once.py::test_a_sweep_taken_by_three_processes_at_once",
        "s2s/runs/sweeps.py",
        '        if _taken(store, database, sweep_id):\n            raise UserError(f"Sweep {sweep_id} is going on already',
        '        if False:\n            raise UserError(f"Sweep {sweep_id} is going on already',
    ),
    Promise(
        "One name never means two corpora, however many add them at once.",
        "tests/concurrency/test_corpora_at_once.py::test_one_name_from_two_files_at_once",
        "s2s/data/alone.py",
        "        while not lock.is_locked:\n",
        "        while False:\n",
    ),
    Promise(
        "Undo holds for as long as the dashboard that offers it lives.",
        "tests/concurrency/test_runs_at_once.py::"
        "test_a_second_dashboard_leaves_what_the_first_can_bring_back",
        "s2s/runs/manager.py",
        "            if self._presence.came_alone:  # else another dashboard still offers Undo\n",
        "            if True:\n",
    ),
)
FAULTS = (
    Promise(
        "A full disk does not end a training: records wait in memory for up to ten minutes.",
        "tests/faults/test_disk_full.py::test_training_goes_on_and_nothing_is_lost",
        "s2s/runs/recorder.py",
        "            if not error.passing or now - self._failing_since > store_error.PATIENCE_SECONDS:\n",
        "            if True:\n",
    ),
    Promise(
        "Weights that could not be written in the end are named in the run's message.",
        "tests/runs/test_saving.py::test_weights_that_cannot_be_written_in_the_end",
        "s2s/runs/execute.py",
        '        return Ending(state, " ".join([*trainer.notes, *recorder.notes()]))\n',
        '        return Ending(state, " ".join(trainer.notes))\n',
    ),
    Promise(
        "An export that finds no room leaves the earlier one.",
        "tests/faults/test_disk_full.py::test_an_export_that_finds_no_room_leaves_the_earlier_one",
        "s2s/cli/commands.py",
        "    whole = path.is_file() or not path.exists()\n",
        "    whole = False\n",
    ),
    Promise(
        "What lies in a folder that cannot be written can still be looked at.",
        "tests/faults/test_read_only.py::test_an_existing_store_can_be_read",
        "s2s/runs/opening.py",
        '    for more in ("", "&immutable=1"):\n',
        '    for more in ("",):\n',
    ),
    Promise(
        "On a network folder the slower journal is used, which is safe there, and the page says so.",
        "tests/runs/test_opening_store.py::test_a_network_folder_uses_no_wal_and_says_so",
        "s2s/runs/opening.py",
        "            return mounts[parent] in _NETWORK_FILESYSTEMS\n",
        "            return False\n",
    ),
    Promise(
        "A store that another program locks delays records and loses none.",
        "tests/faults/test_locked_store.py::test_training_goes_on_and_its_records_arrive_afterwards",
        "s2s/runs/store_error.py",
        "        raise StoreError(sentence, passing=not is_damage(error)) from error\n",
        "        raise StoreError(sentence, passing=False) from error\n",
    ),
    Promise(
        "A damaged store is set aside under a name, with the reason, and the program starts.",
        "tests/runs/test_damage.py::test_a_damaged_store_is_set_aside_and_the_program_starts",
        "s2s/runs/damage.py",
        "            path.rename(aside)\n",
        "            path.unlink()\n",
    ),
    Promise(
        "What can be read of a damaged store is taken over.",
        "tests/runs/test_damage.py::test_what_can_be_read_is_taken_over",
        "s2s/runs/damage.py",
        "            new.execute(insert, row[len(row) - len(names) :])\n",
        "            pass\n",
    ),
    Promise(
        "A store that is only locked is never set aside.",
        "tests/runs/test_opening_store.py::test_a_locked_store_is_refused_and_never_set_aside",
        "s2s/runs/store_error.py",
        "    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)\n",
        "    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, 5)\n",
    ),
    Promise(
        "No run gets the folder of a run that was lost.",
        "tests/runs/test_damage.py::test_no_id_of_a_lost_run_is_used_again",
        "s2s/runs/damage.py",
        '    taken = max((int(name) for name in names if re.fullmatch("[0-9]{1,15}", name)), default=0)\n',
        "    taken = 0\n",
    ),
    Promise(
        "A damaged corpus is found when it is opened, named, and can be added again.",
        "tests/data/test_damaged_corpora.py::"
        "test_a_damaged_corpus_is_found_at_opening_and_can_be_added_again",
        "s2s/data/corpus.py",
        "        _check_side(side, info.pairs_kept, info.choices.max_length, words)\n",
        "",
    ),
    Promise(
        "A damaged checkpoint is refused in a sentence, without taking the memory that it claims.",
        "tests/training/test_checkpoint.py::test_weights_that_do_not_fit_the_model",
        "s2s/training/checkpoint.py",
        "            check_outline(checkpoint)\n",
        "",
    ),
    Promise(
        "A checkpoint that is cut short while it is in use harms nobody.",
        "tests/fuzz/test_fuzz_checkpoints.py::test_a_file_cut_short_while_it_is_used",
        "s2s/training/checkpoint.py",
        "            _put(checkpoint, {key: file.get_tensor(key).clone() for key in keys})\n",
        "            _put(checkpoint, {key: file.get_tensor(key) for key in keys})\n",
    ),
    Promise(
        "After a run has used up the memory the next one finds it free.",
        "tests/runs/test_manager.py::test_after_running_out_of_memory_the_next_run_finds_it_free",
        "s2s/runs/execute.py",
        "        cuda_context.note(error, str(device))\n",
        "        cuda_context.note(error, str(device))\n        store.last_error = error\n",
    ),
    Promise(
        "A loss that is no number ends the run as diverged and keeps the last good weights.",
        "tests/runs/test_saving.py::test_weights_that_are_no_numbers_never_replace_good_ones",
        "s2s/runs/saving.py",
        "    if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):\n",
        "    if False:\n",
    ),
    Promise(
        "A GPU error that spoils the process holds that GPU's queue, says that s2s must be started "
        "again, and lets the processor go on.",
        "tests/faults/test_lost_gpu.py::test_the_gpus_queue_is_held_and_the_processor_goes_on",
        "s2s/runs/manager.py",
        "                if not self._queues[device] or cuda_context.is_held(device):\n",
        "                if not self._queues[device]:\n",
    ),
    Promise(
        "A GPU that cannot be read is a gap in the readings, whatever the reason.",
        "tests/metrics/test_devices.py::test_whatever_gputil_raises_is_a_reason",
        "s2s/metrics/devices.py",
        "        except Exception as error:  # whatever GPUtil makes of an answer that it does not know\n",
        "        except ValueError as error:\n",
    ),
    Promise(
        "'Clear cache' in the menu leaves a training alone.",
        "tests/faults/test_faulty_pages.py::test_clear_cache_during_a_training",
        "pages/parts/shared.py",
        "def manager() -> Manager:\n",
        "import streamlit as _st\n\n\n@_st.cache_resource\ndef manager() -> Manager:\n    global _manager\n    _manager = None\n    return _made()\n\n\ndef _made() -> Manager:\n",
    ),
    Promise(
        "What fails on a page is a sentence there, and the training goes on.",
        "tests/faults/test_faulty_pages.py::test_an_unforeseen_error_in_a_page_is_one_sentence",
        "pages/parts/guard.py",
        "        except Exception as error:\n",
        "        except KeyboardInterrupt as error:\n",
    ),
    Promise(
        "A run that this version cannot read is named, and the rest goes on.",
        "tests/fuzz/test_fuzz_stored.py::test_columns",
        "s2s/runs/rows.py",
        '@told("Run")\n',
        "",
    ),
    Promise(
        "An upgrade keeps every record of the store.",
        "tests/runs/test_migration.py::test_a_store_of_version_4_keeps_every_record",
        "s2s/runs/migration.py",
        '    database.execute("DROP INDEX IF EXISTS device_samples_of_run")  # by time; now by row\n',
        '    database.execute("DELETE FROM evaluations")\n',
    ),
    Promise(
        "A program that ends does not wait for a full disk.",
        "tests/runs/test_execute.py::test_a_program_that_ends_does_not_wait_for_the_store",
        "s2s/runs/execute.py",
        "        return patiently(work, lambda: stop.is_set() and not _asked_to_stop(store, run.id))\n",
        "        return patiently(work)\n",
    ),
    Promise(
        "A start removes only what s2s itself left of checkpoints, never through a link.",
        "tests/runs/test_artifacts.py::test_nothing_else_is_removed",
        "s2s/runs/artifacts.py",
        "    if folder.is_symlink() or not folder.is_dir():\n",
        "    if not folder.is_dir():\n",
    ),
)
INPUT = (
    Promise(
        "Any value for any choice is accepted, or refused in one short sentence.",
        "tests/fuzz/test_fuzz_forms.py::test_values_of_any_type",
        "s2s/checks.py",
        "    return shortened(told, _LONGEST_QUOTE)\n",
        "    return told\n",
    ),
    Promise(
        "Any words on the command line end in an exit code and at most one sentence.",
        "tests/fuzz/test_fuzz_cli.py::test_any_arguments",
        "s2s/cli/commands.py",
        '    if not re.fullmatch("[0-9]{1,18}", text):\n',
        "    if False:\n",
    ),
    Promise(
        "Any address opens its page.",
        "tests/fuzz/test_fuzz_urls.py::test_query_parameters",
        "pages/parts/address.py",
        'if re.fullmatch("[0-9]{1,18}", each)]',
        "]",
    ),
    Promise(
        "A zip cannot fill memory or disk, whatever its headers say.",
        "tests/data/test_corpus_file.py::test_a_zip_that_lies_about_what_it_is_packed_to",
        "s2s/data/corpus_file.py",
        "    ratio = text.file_size / max(min(text.compress_size, size_bytes), 1)\n",
        "    ratio = text.file_size / max(text.compress_size, 1)\n",
    ),
    Promise(
        "An uploaded name never becomes a path.",
        "tests/data/test_corpus_file.py::test_a_safe_name_is_one_plain_name",
        "s2s/data/corpus_file.py",
        '    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:64]\n',
        "    stem = path.stem\n",
    ),
    Promise(
        "A store with triggers, views, tables or columns that s2s did not make is refused.",
        "tests/runs/test_opening_store.py::test_a_store_with_what_s2s_did_not_make_is_refused",
        "s2s/runs/opening.py",
        "        check_schema(writer, path)\n",
        "",
    ),
    Promise(
        "A checkpoint whose optimizer state does not fit its weights is refused before it is used.",
        "tests/training/test_checkpoint.py::test_a_state_that_does_not_fit_the_weights",
        "s2s/training/sound.py",
        "    return value.shape == shape and value.is_floating_point()\n",
        "    return value.shape in (shape, ()) and value.is_floating_point()\n",
    ),
    Promise(
        "A corpus that would take too much memory is refused while it is read.",
        "tests/data/test_prepare.py::test_a_corpus_that_would_take_too_much_memory_is_refused_while_it_is_read",
        "s2s/data/prepare.py",
        "    most_bytes = min(_MOST_BYTES, psutil.virtual_memory().available // 2)\n",
        "    most_bytes = _MOST_BYTES\n",
    ),
    Promise(
        "No text of a corpus holds the process up.",
        "tests/data/test_text.py::test_no_letter_keeps_more_marks_than_a_script_has",
        "s2s/data/text.py",
        '    text = _with_few_marks("\\n".join(sentences).replace("´", "\'"))\n',
        '    text = "\\n".join(sentences).replace("´", "\'")\n',
    ),
    Promise(
        "A corpus with facts of other types is named, and the others are shown.",
        "tests/data/test_damaged_corpora.py::test_facts_of_other_types_or_of_no_corpus",
        "s2s/data/corpus.py",
        "        info = read_as(CorpusInfo, values)\n",
        "        info = CorpusInfo(**values)\n",
    ),
)
LIFE = (
    Promise(
        "Any number of people may watch a run: what they see is worked out once for all of them.",
        "tests/pages/test_live_view.py::test_sessions_at_one_time_share_one_view",
        "pages/parts/live_view.py",
        "            if run != self._run and not self._lasts(run):\n",
        "            if True:\n",
    ),
    Promise(
        "A change of a run's state is shown at the next tick.",
        "tests/pages/test_live_view.py::test_a_view_lasts_a_moment_and_a_change_of_state_ends_it",
        "pages/parts/live_view.py",
        "        alike = self._run is not None and self._run.state is run.state\n",
        "        alike = self._run is not None\n",
    ),
    Promise(
        "A tick costs the same beside thousands of runs.",
        "tests/pages/test_live_view.py::test_a_tick_does_not_list_all_runs",
        "pages/parts/status.py",
        "    runs = shared.store().unfinished_runs()\n",
        "    runs = [each for each in shared.store().runs() if not each.state.is_finished()]\n",
    ),
    Promise(
        "A tick costs the same after a million steps.",
        "tests/runs/test_many_runs.py::test_new_steps_are_read_without_the_blocks_before_them",
        "s2s/runs/store.py",
        '            " (SELECT coalesce(max(first_iteration), 0) FROM step_blocks"\n',
        '            " (SELECT coalesce(min(first_iteration), 0) FROM step_blocks"\n',
    ),
    Promise(
        "The store's log is emptied while pages read.",
        "tests/runs/test_many_runs.py::test_the_log_is_emptied_while_others_read",
        "s2s/runs/opening.py",
        '        connection.execute("PRAGMA synchronous = NORMAL")\n',
        '        connection.execute("PRAGMA synchronous = NORMAL")\n'
        '        connection.execute("PRAGMA wal_autocheckpoint = 0")\n',
    ),
)
DOOR = (
    Promise(
        "The dashboard listens on this machine only, until told otherwise.",
        "tests/browser/test_reach.py::test_it_listens_on_this_machine_only",
        ".streamlit/config.toml",
        'address = "localhost"         # only this machine, unless told otherwise\n',
        "",
    ),
    Promise(
        "No page of another site can talk to it.",
        "tests/browser/test_reach.py::test_a_page_of_another_site_gets_no_socket",
        ".streamlit/config.toml",
        "[server]\n",
        "[server]\nenableCORS = false\nenableXsrfProtection = false\n",
    ),
    Promise(
        "Under a name that is not this machine's it shows nothing.",
        "tests/browser/test_reach.py::test_under_a_foreign_name_it_shows_nothing",
        ".streamlit/config.toml",
        'allowedHosts = ["localhost", "127.0.0.1", "::1"]    # against DNS rebinding\n',
        "",
    ),
    Promise(
        "A page of another port of this machine is shown nothing.",
        "tests/browser/test_reach.py::test_a_page_of_another_port_is_shown_nothing",
        "dashboard.py",
        "reach.turn_away()\n",
        "",
    ),
    Promise(
        "Text of corpora, people and addresses is shown as text on every page, and makes the "
        "browser ask no other host for anything.",
        "tests/browser/test_attacks.py::test_an_attack_is_shown_as_text",
        "s2s/charts/frame.py",
        "    return html.escape(text, quote=False)\n",
        "    return text\n",
    ),
    Promise(
        "With a login configured nothing of the store is shown or done before it.",
        "tests/browser/test_login.py::test_messages_of_ones_own_bring_nothing",
        "dashboard.py",
        "login.admit()\n",
        "",
    ),
    Promise(
        "An unclear secrets.toml lets nobody in.",
        "tests/pages/test_closed_door.py::test_nobody_is_let_in",
        "pages/parts/login.py",
        '        raise _closed("secrets.toml cannot be read")\n',
        "        return {}\n",
    ),
    Promise(
        "A password in a download address is told to nobody else.",
        "tests/data/test_download.py::test_a_password_in_the_address_is_told_to_nobody_else",
        "s2s/data/download.py",
        '        return plain[1] + plain[3] if plain else "S2S_CORPORA_URL"\n',
        "        return self.url\n",
    ),
    Promise(
        "A download ends in time, whatever the server drips.",
        "tests/data/test_download.py::test_whatever_drips_it_ends_in_time",
        "s2s/data/web.py",
        "                each.shutdown(socket.SHUT_RDWR)\n",
        "                pass\n",
    ),
    Promise(
        "No stored name or tag commands the terminal.",
        "tests/test_cli.py::test_no_stored_text_commands_the_terminal",
        "s2s/cli/common.py",
        'print(printable(text, kept="\\n\\t"), ',
        "print(text, ",
    ),
    Promise(
        "No record of a run holds a secret of the environment.",
        "tests/test_secrets.py::test_no_record_of_a_run_holds_a_secret",
        "s2s/runs/execute.py",
        '    return {**system_info(), "pid": os.getpid()}\n',
        '    return {**system_info(), "pid": os.getpid(), **os.environ}\n',
    ),
    Promise(
        "A new home can be read by its owner only.",
        "tests/test_secrets.py::test_the_home_is_its_owners_alone",
        "s2s/home.py",
        "        home().mkdir(mode=0o700, exist_ok=True)\n",
        "        home().mkdir(exist_ok=True)\n",
    ),
    Promise(
        "No cell of s2s's own CSV begins like a formula.",
        "tests/runs/test_export.py::test_no_text_begins_like_a_formula",
        "s2s/runs/export.py",
        "(?=[=+\\-@",
        "(?=[=+@",
    ),
    Promise(
        "Nothing that is read from a disk runs code.",
        "tests/test_safe_calls.py::test_a_module_keeps_the_rules",
        "s2s/data/corpus.py",
        '            np.load(corpus_folder / f"{name}_tokens.npy", mmap_mode="r"),\n',
        '            np.load(corpus_folder / f"{name}_tokens.npy", allow_pickle=True),\n',
    ),
)
SECTIONS = {
    "Crashes": CRASHES,
    "Who trains what": OWNERS,
    "Faults": FAULTS,
    "Bad input": INPUT,
    "A long life with many viewers": LIFE,
    "Who gets in": DOOR,
}
PROMISES = tuple(promise for section in SECTIONS.values() for promise in section)
