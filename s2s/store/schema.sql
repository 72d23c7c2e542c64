CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    config TEXT NOT NULL,                 -- JSON of TrainConfig
    environment TEXT NOT NULL DEFAULT '{}',
    created_at REAL NOT NULL,             -- Unix seconds
    started_at REAL,
    finished_at REAL,
    message TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '',
    device TEXT NOT NULL DEFAULT '',
    iterations_done INTEGER NOT NULL DEFAULT 0,
    summary TEXT,                         -- JSON of Summary
    owner_pid INTEGER,
    owner_start TEXT,                     -- of the process, by a clock that nobody sets
    owner_machine TEXT,
    heartbeat INTEGER NOT NULL DEFAULT 0, -- counts on while the owner lives
    resumed_at TEXT NOT NULL DEFAULT '[]', -- JSON list of iterations
    dismissed INTEGER NOT NULL DEFAULT 0, -- 1: to be resumed is no longer offered
    machine_before TEXT,                  -- JSON of MachineState, and so the next
    machine_after TEXT,
    notes TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '[]',      -- JSON list of texts
    archived_at REAL,
    deleted_at REAL                       -- hidden, and purged when a dashboard starts
);

-- Pages ask every few seconds for what trains and what waits, beside thousands of runs.
CREATE INDEX IF NOT EXISTS runs_of_state ON runs (state);

CREATE TABLE IF NOT EXISTS step_blocks (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    first_iteration INTEGER NOT NULL,
    last_iteration INTEGER NOT NULL,
    rows BLOB NOT NULL,                   -- records.STEP_DTYPE, packed
    PRIMARY KEY (run_id, first_iteration)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS evaluations (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    iteration INTEGER NOT NULL,
    training_seconds REAL NOT NULL,
    validation_loss_per_token REAL,
    translations TEXT NOT NULL,           -- JSON list of SampleTranslation
    PRIMARY KEY (run_id, iteration)
);

CREATE TABLE IF NOT EXISTS device_samples (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    device TEXT NOT NULL,
    utilization REAL,
    memory_used_bytes INTEGER,
    memory_total_bytes INTEGER,
    temperature_celsius REAL,
    torch_allocated_bytes INTEGER,
    other_load_cores REAL,
    throttled INTEGER
);
CREATE INDEX IF NOT EXISTS device_samples_by_row ON device_samples (run_id);

CREATE TABLE IF NOT EXISTS sweeps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    config TEXT NOT NULL,                 -- JSON of SweepConfig
    created_at REAL NOT NULL,             -- Unix seconds
    owner_pid INTEGER,                    -- the process that does it now; NULL: none
    owner_start TEXT,
    owner_machine TEXT,
    heartbeat INTEGER NOT NULL DEFAULT 0,
    stopping INTEGER NOT NULL DEFAULT 0,  -- 1: that process was asked to stop
    name TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    deleted_at REAL                       -- hidden with its runs, and purged with them
);

-- Parts that were begun; which part a run is, its configuration tells.
CREATE TABLE IF NOT EXISTS sweep_parts (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    sweep_id INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS sweep_memory (
    sweep_id INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    engine TEXT NOT NULL,
    batch_size INTEGER NOT NULL,
    peak_bytes INTEGER,                   -- NULL: it could not be measured, and so the next
    padded_tokens INTEGER,
    PRIMARY KEY (sweep_id, engine, batch_size)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS gradient_noise (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    noise TEXT NOT NULL                   -- JSON of RunNoise, the last measured
);
