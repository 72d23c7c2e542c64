CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    config TEXT NOT NULL,                 -- JSON of TrainConfig
    environment TEXT NOT NULL DEFAULT '{}',
    created_at REAL NOT NULL,             -- Unix seconds
    started_at REAL,
    finished_at REAL,
    remarks TEXT NOT NULL DEFAULT '[]',   -- JSON list of Remark
    error TEXT NOT NULL DEFAULT '',       -- message of the exception that ended the run
    traceback TEXT NOT NULL DEFAULT '',
    device TEXT NOT NULL DEFAULT '',
    iterations_done INTEGER NOT NULL DEFAULT 0,
    summary TEXT,                         -- JSON of Summary
    owner_pid INTEGER,
    owner_start TEXT,                     -- start time of the process, see ownership.py
    owner_machine TEXT,
    heartbeat INTEGER NOT NULL DEFAULT 0, -- advances while the owner is alive
    resumed_at TEXT NOT NULL DEFAULT '[]', -- JSON list of iterations
    dismissed INTEGER NOT NULL DEFAULT 0, -- 1: do not offer to resume it
    machine_before TEXT,                  -- JSON of MachineState
    machine_after TEXT,                   -- JSON of MachineState
    notes TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '[]',      -- JSON list of strings
    archived_at REAL,
    deleted_at REAL                       -- hidden, and purged when a dashboard starts
);

-- Every few seconds, pages look for the few unfinished runs among thousands of ended ones.
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
    owner_pid INTEGER,                    -- process that trains it now; NULL: none
    owner_start TEXT,
    owner_machine TEXT,
    heartbeat INTEGER NOT NULL DEFAULT 0,
    stopping INTEGER NOT NULL DEFAULT 0,  -- 1: the owner is asked to stop
    name TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    deleted_at REAL                       -- hidden with its runs, and purged with them
);

CREATE TABLE IF NOT EXISTS sweep_parts (
    sweep_id INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    engine TEXT NOT NULL,
    batch_size INTEGER NOT NULL,
    repeat INTEGER NOT NULL,              -- counted from 0
    position INTEGER NOT NULL,            -- position in the order of training
    run_id INTEGER UNIQUE REFERENCES runs (id) ON DELETE SET NULL, -- NULL: not started
    PRIMARY KEY (sweep_id, engine, batch_size, repeat)
);

CREATE TABLE IF NOT EXISTS sweep_memory (
    sweep_id INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    engine TEXT NOT NULL,
    batch_size INTEGER NOT NULL,
    peak_bytes INTEGER,                   -- NULL: not measured
    padded_tokens INTEGER,                -- NULL: not measured
    PRIMARY KEY (sweep_id, engine, batch_size)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS gradient_noise (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    noise TEXT NOT NULL                   -- JSON of RunNoise from the last measurement
);
