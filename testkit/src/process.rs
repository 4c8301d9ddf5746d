//! A child process: its output, its signals, its memory, its end.
//!
//! In: a `std::process::Command`. Out: a handle that captures standard output and error and kills the process when dropped. A
//! process never outlives the test process, not even when that is killed: the kernel is told so where `setpriv` is there to ask.
//! Nothing here is tied to a tokio runtime, so that several tests can share a process.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Error, Result, anyhow};

use crate::wait;

/// Lines of output kept from the start of a process, where it says what it binds, and from its end, where it says what went wrong.
const KEPT_LINES: usize = 300;
/// Lines of output shown in an error.
const SHOWN_LINES: usize = 25;

/// A running (or ended) child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    output: Arc<Output>,
}

impl Process {
    /// Starts a program with its output captured and, when `log` is given, also appended to that file.
    ///
    /// `name` is how errors call the process. Of the command, the program, arguments, variables and folder count; its standard
    /// input is empty. Variables that it clears as a whole are not cleared.
    pub fn spawn(name: &str, command: &Command, log: Option<&Path>) -> Result<Self> {
        let mut command = tied_to_this_process(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let log = log.map(|path| {
            let file = File::options().create(true).append(true).open(path);
            file.with_context(|| format!("could not open the log file {} of {name}", path.display()))
        });
        let output = Arc::new(Output::new(log.transpose()?));
        let described = format!("{command:?}");
        let mut child = spawn_on_lasting_thread(command).with_context(|| format!("could not start {name}: {described}"))?;
        for pipe in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
            Output::follow(&output, pipe);
        }
        Ok(Self { name: name.to_owned(), pid: child.id(), child: Mutex::new(child), output })
    }

    /// The process id; after the end of the process it may belong to another.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How the process ended, or `None` while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    /// Ends the process at once (SIGKILL) and waits until it is gone. Does nothing when it has ended.
    pub fn kill(&self) {
        let mut child = lock(&self.child);
        // Both fail only for a process that has ended and was waited for.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks the process to end (SIGTERM); [`Self::exited`] waits for it.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Asks the process to read its configuration again (SIGHUP).
    pub fn hang_up(&self) -> Result<()> {
        self.signal("HUP")
    }

    /// Stops the process without ending it (SIGSTOP): its connections stay open and nothing answers on them.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets a paused process go on (SIGCONT).
    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        // Held over the signal, so that the process id still belongs to this child.
        let mut child = lock(&self.child);
        if let Some(status) = child.try_wait()? {
            return Err(anyhow!("could not send SIG{signal} to {}: it has ended with {status}", self.name));
        }
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &self.pid.to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(anyhow!("could not send SIG{signal} to {} (process {})", self.name, self.pid)) }
    }

    /// Waits until the process has ended, for at most `bound`.
    pub async fn exited(&self, bound: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let ended = wait::some(&what, bound, || std::future::ready(self.exit_status())).await;
        ended.map_err(|error| self.with_output(&error))
    }

    /// Waits until the probe finds something, for at most `bound`; gives up at once when the process ends. The error tells the
    /// last lines of the process's output.
    pub async fn wait_for<T, F, Fut>(&self, what: &str, bound: Duration, mut probe: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Option<T>>,
    {
        let found = wait::some(what, bound, || {
            let probe = probe();
            async move {
                tokio::select! {
                    biased;
                    status = self.ended() => Some(Err(status)),
                    found = probe => found.map(Ok),
                }
            }
        });
        match found.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(status)) => {
                // What it said last may still be in the pipe.
                let _ =
                    wait::until("the rest of the output", Duration::from_secs(1), || std::future::ready(self.output.is_complete())).await;
                Err(self.with_output(&anyhow!("{} ended with {status} before {what}", self.name)))
            }
            Err(error) => Err(self.with_output(&error)),
        }
    }

    async fn ended(&self) -> ExitStatus {
        loop {
            match self.exit_status() {
                Some(status) => return status,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// The kept lines of its output, standard output and error as they came: the first few hundred and the last few hundred.
    pub fn output(&self) -> Vec<String> {
        let lines = lock(&self.output.lines);
        lines.first.iter().chain(&lines.last).cloned().collect()
    }

    /// The memory it occupies now, in bytes.
    pub fn rss_bytes(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory it has occupied so far, in bytes.
    pub fn peak_rss_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// The time it has spent on the machine's processors so far, over all its threads, to a hundredth of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&self.pid.to_string()).with_context(|| format!("processor time of {}", self.name))
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(&path).with_context(|| format!("could not read {path} of {}", self.name))?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| anyhow!("{path} has no {field} of {}", self.name))
    }

    fn with_output(&self, error: &Error) -> Error {
        let lines = self.output();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        anyhow!("{error:#}; {} (process {}) said last:\n{}", self.name, self.pid, shown.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processor time of a process; `self` means this one.
pub(crate) fn cpu_time(pid: &str) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    // Its second field is a name in parentheses that may hold anything.
    let (_, fields) = stat.rsplit_once(") ").with_context(|| format!("{path} is odd"))?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    // Linux shows hundredths of a second to programs, whatever it counts in.
    Ok(Duration::from_millis(ticks * 10))
}

/// What a process printed.
#[derive(Debug)]
struct Output {
    lines: Mutex<Lines>,
    open_pipes: AtomicUsize,
}

#[derive(Debug)]
struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
    log: Option<File>,
}

impl Output {
    fn new(log: Option<File>) -> Self {
        Self { lines: Mutex::new(Lines { first: Vec::new(), last: VecDeque::new(), log }), open_pipes: AtomicUsize::new(0) }
    }

    /// Reads a pipe to its end on a thread of its own: a process must never wait for a full pipe.
    fn follow(output: &Arc<Self>, pipe: Box<dyn Read + Send>) {
        let output = Arc::clone(output);
        output.open_pipes.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                lock(&output.lines).push(&line);
            }
            output.open_pipes.fetch_sub(1, Ordering::SeqCst);
        });
    }

    fn is_complete(&self) -> bool {
        self.open_pipes.load(Ordering::SeqCst) == 0
    }
}

impl Lines {
    fn push(&mut self, line: &[u8]) {
        if let Some(log) = &mut self.log {
            // A full disk must not end the test that fills it with its own message; the kept lines remain.
            let _ = log.write_all(&[line, b"\n"].concat());
        }
        let line = String::from_utf8_lossy(line).into_owned();
        if self.first.len() < KEPT_LINES {
            self.first.push(line);
        } else {
            if self.last.len() == KEPT_LINES {
                self.last.pop_front();
            }
            self.last.push_back(line);
        }
    }
}

/// A command of a program that another program becomes, such as `nsenter`; without a wrapper it is started itself.
pub fn within(wrapper: &[OsString], program: &Path) -> Command {
    match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same command run by `setpriv`, which asks the kernel to kill it with its parent and then becomes it. Without `setpriv`,
/// only dropping the [`Process`] ends it.
fn tied_to_this_process(command: &Command) -> Command {
    static HAS_SETPRIV: OnceLock<bool> = OnceLock::new();
    let has_setpriv = HAS_SETPRIV.get_or_init(|| {
        let tried = Command::new("setpriv").args(["--pdeathsig", "KILL", "--", "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    let mut tied = if *has_setpriv {
        let mut tied = Command::new("setpriv");
        tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        tied
    } else {
        Command::new(command.get_program())
    };
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}

/// Starts the command on a thread that lives as long as this process: to the kernel, the parent whose end ends the child is the
/// thread that started it, and a test's thread ends with the test.
fn spawn_on_lasting_thread(command: Command) -> Result<Child> {
    type Request = (Command, mpsc::Sender<std::io::Result<Child>>);
    static REQUESTS: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in receiver {
                // Fails only when nobody waits for the answer; the child is dropped with it.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, started) = mpsc::channel();
    requests.send((command, answer)).map_err(|_| anyhow!("the thread that starts processes is gone"))?;
    Ok(started.recv().context("the thread that starts processes is gone")??)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        Process::spawn("script", Command::new("sh").args(["-c", script]), None).unwrap()
    }

    #[tokio::test]
    async fn a_process_that_ends_too_early_is_reported_with_its_last_words() {
        let process = shell("echo out; echo broken >&2; exit 3");
        let error = process.wait_for("readiness", BOUND, std::future::pending::<Option<()>>).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("broken") && error.contains("script ended with exit status: 3 before readiness"), "{error}");
    }

    #[tokio::test]
    async fn a_process_can_be_paused_resumed_and_terminated() {
        let process = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        process.wait_for("its first line", BOUND, || std::future::ready(process.output().pop())).await.unwrap();
        process.pause().unwrap();
        process.terminate().unwrap();
        assert!(process.exited(Duration::from_millis(50)).await.is_err(), "a paused process does not handle signals");
        process.resume().unwrap();
        assert_eq!(process.exited(BOUND).await.unwrap().code(), Some(7));
        assert!(process.pause().is_err());
    }

    #[tokio::test]
    async fn a_process_outlives_the_thread_that_started_it() {
        let process = thread::spawn(|| shell("sleep 60")).join().unwrap();
        assert!(process.exited(Duration::from_millis(50)).await.is_err());
        assert!(process.rss_bytes().unwrap() > 0 && process.peak_rss_bytes().unwrap() > 0);
    }

    #[tokio::test]
    async fn the_processor_time_of_a_busy_process_grows() {
        let process = shell("while :; do :; done");
        crate::wait::until("processor time", BOUND, || std::future::ready(process.cpu_time().unwrap() > Duration::from_millis(20)))
            .await
            .unwrap();
    }
}
