//! What the sinks log, kept to be looked through.

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
};

static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Keeper;

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lock() -> MutexGuard<'static, Vec<u8>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps every line from now on, those of libraries included.
pub(crate) fn begin() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Keeper).init();
}

/// Forgets what was kept.
pub(crate) fn clear() {
    lock().clear();
}

/// What was kept since.
pub(crate) fn text() -> String {
    String::from_utf8_lossy(&lock()).into_owned()
}
