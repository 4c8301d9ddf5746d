//! One blocking write at a time, for what may block for good: a pipe nobody reads, a network folder.
//!
//! A send that times out cannot take its write back. The next one waits for it, and when it asks for the same lines it takes its result instead of writing
//! them twice. So at most one thread is blocked, and a reader that comes back gets each line once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{self, JoinHandle};

/// Writes lines; the error is for people.
type Write = dyn FnMut(&[u8]) -> Result<(), String> + Send;

pub(crate) struct Writer {
    write: Arc<Mutex<Write>>,
    /// The write that is going on.
    current: tokio::sync::Mutex<Option<Current>>,
}

struct Current {
    lines: Arc<Vec<u8>>,
    task: JoinHandle<Result<(), String>>,
}

impl Writer {
    pub(crate) fn new(write: impl FnMut(&[u8]) -> Result<(), String> + Send + 'static) -> Self {
        Self { write: Arc::new(Mutex::new(write)), current: tokio::sync::Mutex::new(None) }
    }

    /// Writes; when it is cancelled the write goes on and the next call waits for it.
    pub(crate) async fn write(&self, lines: Vec<u8>) -> Result<(), String> {
        let mut current = self.current.lock().await;
        if let Some(earlier) = current.as_mut() {
            let result = outcome(&mut earlier.task).await;
            let same = *earlier.lines == lines;
            *current = None;
            if same {
                return result;
            }
        }
        let lines = Arc::new(lines);
        let (write, to_write) = (self.write.clone(), lines.clone());
        // A writer that panicked left at worst a torn line.
        let task = task::spawn_blocking(move || (write.lock().unwrap_or_else(PoisonError::into_inner))(&to_write));
        let result = outcome(&mut current.insert(Current { lines, task }).task).await;
        *current = None;
        result
    }
}

async fn outcome(task: &mut JoinHandle<Result<(), String>>) -> Result<(), String> {
    task.await.unwrap_or_else(|error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_write_that_took_too_long_is_not_repeated() {
        let (go, wait) = mpsc::channel::<()>();
        let (written, mut got) = tokio::sync::mpsc::unbounded_channel();
        let writer = Writer::new(move |lines| {
            wait.recv().map_err(|error| error.to_string())?;
            written.send(lines.to_vec()).map_err(|error| error.to_string())
        });
        let late = tokio::time::timeout(Duration::from_millis(20), writer.write(b"one\n".to_vec())).await;
        assert!(late.is_err(), "it blocks");
        go.send(()).expect("the writer waits");
        writer.write(b"one\n".to_vec()).await.expect("written");
        go.send(()).expect("the writer waits");
        writer.write(b"two\n".to_vec()).await.expect("written");
        drop(writer);
        let mut all = Vec::new();
        while let Some(lines) = got.recv().await {
            all.extend(lines);
        }
        assert_eq!(all, b"one\ntwo\n");
    }
}
