//! A cluster of one node on this machine: munge and Slurm's two daemons, with everything they write in a folder of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Elements that an array of this cluster may have: few, so that a submission needs several arrays.
pub(crate) const MAX_ARRAY: usize = 3;

pub(crate) struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts the daemons and waits until the node takes jobs.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // munge refuses folders that others may write to, and clients must reach its socket.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Self { folder };
        for name in ["state", "spool"] {
            fs::create_dir(cluster.path(name)).unwrap();
        }
        let key: Vec<u8> = (0..128u32).map(|at| (at * 37 + 11) as u8).collect();
        fs::write(cluster.path("munge.key"), key).unwrap();
        fs::set_permissions(cluster.path("munge.key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(cluster.path("slurm.conf"), cluster.configuration()).unwrap();
        let file = |option: &str, name: &str| format!("--{option}={}", cluster.shown(name));
        cluster.run(
            "munged",
            &[
                "--force",
                &file("key-file", "munge.key"),
                &file("socket", "munge.socket"),
                &file("pid-file", "munged.pid"),
                &file("log-file", "munged.log"),
                &file("seed-file", "munge.seed"),
            ],
        );
        cluster.run("slurmctld", &["-c"]);
        cluster.run("slurmd", &["-c"]);
        let idle = || {
            cluster
                .run("sinfo", &["--noheader", "--format=%T"])
                .contains("idle")
        };
        wait_for("an idle node", idle);
        cluster
    }

    fn configuration(&self) -> String {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (host, user) = (said("hostname", &["-s"]), said("id", &["-un"]));
        let port = 20_000 + std::process::id() % 20_000;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={port}\nSlurmdPort={next}\n\
             AuthType=auth/munge\nAuthInfo=socket={munge}\nCredType=cred/munge\nSlurmUser={user}\nSlurmdUser={user}\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\n\
             StateSaveLocation={state}\nSlurmdSpoolDir={spool}\nSlurmctldPidFile={ctld}\nSlurmdPidFile={d}\n\
             SlurmctldLogFile={ctld}.log\nSlurmdLogFile={d}.log\nReturnToService=2\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\nSchedulerParameters=sched_interval=1,sched_min_interval=0\n\
             AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\nMaxArraySize={max}\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN\n\
             PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP\n",
            next = port + 1,
            munge = self.shown("munge.socket"),
            state = self.shown("state"),
            spool = self.shown("spool"),
            ctld = self.shown("slurmctld.pid"),
            d = self.shown("slurmd.pid"),
            max = MAX_ARRAY + 1,
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// A program that knows this cluster.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.path("slurm.conf"));
        command
    }

    /// What one of Slurm's programs says.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output: Output = self.command(program).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("scontrol").arg("shutdown").output();
        for name in ["slurmd.pid", "slurmctld.pid", "munged.pid"] {
            if let Ok(pid) = fs::read_to_string(self.path(name)) {
                let _ = Command::new("kill").arg(pid.trim()).output();
            }
        }
    }
}

/// Waits up to two minutes.
pub(crate) fn wait_for(what: &str, ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{what} did not come"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Copies a file, making the folders above it.
pub(crate) fn copy_file(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}
