//! Child processes and the end of the test process.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use herald_testkit::{process::Process, wait};

const ROLE: &str = "HERALD_TESTKIT_PARENT";
const BOUND: Duration = Duration::from_secs(20);

/// Runs this test once more as a process of its own, which starts a child and waits, and kills that process.
#[tokio::test]
async fn a_child_ends_when_the_test_process_is_killed() {
    if std::env::var_os(ROLE).is_some() {
        let child = Process::spawn("sleep", Command::new("sleep").arg("600"), None).unwrap();
        println!("child={}", child.pid());
        std::future::pending::<()>().await;
    }
    if !Command::new("setpriv").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("without setpriv a child is ended by its handle only");
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap());
    parent.args(["--exact", "process::a_child_ends_when_the_test_process_is_killed", "--nocapture"]).env(ROLE, "1");
    let parent = Process::spawn("parent", &parent, None).unwrap();
    let child: u32 = parent
        .wait_for("the child's process id", BOUND, || {
            let said = parent.output().iter().find_map(|line| line.split_once("child=")?.1.trim().parse().ok());
            std::future::ready(said)
        })
        .await
        .unwrap();
    assert!(runs(child));

    parent.kill();

    wait::until("the end of the child", BOUND, || std::future::ready(!runs(child))).await.unwrap();
}

/// Whether the process is there and has not ended; one that nobody has waited for yet is still listed.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie") && !line.contains("dead"))
}
