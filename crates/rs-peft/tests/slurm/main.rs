//! `rs-peft repro --executor slurm` against a real Slurm that the test starts itself: arrays, a report behind them, a run that fails, one
//! that is killed, and the same command again. Needs the programs of Slurm and munge; without them the tests are listed as ignored.

#![cfg(unix)]

mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cluster::{Cluster, MAX_ARRAY, copy_file, wait_for};

/// One cluster at a time: two would share the machine's name and its processors.
static ONE: Mutex<()> = Mutex::new(());

/// A workspace with a table of quick rows on generated scenes: five seeds that end well, and one row that cannot be trained.
fn workspace(broken: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let weights = "assets/backbone/vit_8x192_eurosat_mae.safetensors";
    copy_file(&ours.join(weights), &folder.path().join(weights));
    let experiments = folder.path().join("experiments");
    copy_file(
        &ours.join("experiments/defaults.toml"),
        &experiments.join("defaults.toml"),
    );
    let table = experiments.join("try/quick");
    fs::create_dir_all(&table).unwrap();
    let mut rows = vec![
        (
            "_table",
            "seeds = [0, 1]\n[table]\ntitle = \"Quick\"\nprotocol = \"SYNTHETIC\"\ndata = \"synthetic\"\nreference = \"probe\"\n\
                    metrics = [\"accuracy\"]\nembedded = true\n[data]\ndataset = \"synthetic\"\nper_class = 4\n\
                    split = { kind = \"repeated\", test = 0.5 }\n[input]\nrendering = \"uint8\"\n[train]\nepochs = 2\nbatch_size = 10\n",
        ),
        (
            "probe",
            "title = \"probe\"\nseeds = [0, 1, 2]\n[method]\nmethod = \"frozen\"\n[probe]\nkind = \"logistic\"\nl2 = 1e-3\n",
        ),
        (
            "lora",
            "title = \"LoRA\"\n[method]\nmethod = \"lora\"\nrank = 2\nalpha = 2.0\ntargets = [\"qkv.q\"]\n",
        ),
    ];
    if broken {
        rows.push(("wild", "title = \"far too fast\"\nseeds = [0]\n[method]\nmethod = \"full\"\n[train]\nlearning_rate = 1e30\n\
                            clip_norm = 1e30\nwarmup = 0.0\n"));
    }
    for (name, text) in rows {
        fs::write(table.join(format!("{name}.toml")), text).unwrap();
    }
    folder
}

/// Whether `rs-peft repro` succeeded, and what it said on both streams.
fn repro(cluster: &Cluster, root: &Path, out: &Path, more: &[&str]) -> (bool, String) {
    let output = cluster
        .command(env!("CARGO_BIN_EXE_rs-peft"))
        .arg("repro")
        .args([Path::new("--root"), root, Path::new("--out"), out])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), said)
}

/// Row, seed and metrics of every finished run.
fn results(out: &Path) -> Vec<(String, serde_json::Value)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![out.join("runs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("seed-")
                && name.matches('.').count() == 1
                && name.ends_with(".json")
            {
                let value: serde_json::Value =
                    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                let relative = path.strip_prefix(out).unwrap().display().to_string();
                found.push((relative, value["result"]["metrics"].clone()));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn submission(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.join("slurm/submission.json")).unwrap()).unwrap()
}

#[test]
#[cfg_attr(not(has_slurm), ignore = "needs slurmctld, slurmd, sbatch and munged")]
fn a_run_that_fails_is_named_and_the_others_are_kept() {
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let (cluster, root) = (Cluster::start(), workspace(true));
    let place = tempfile::tempdir().unwrap();
    // A name that a shell and Slurm would both take apart.
    let out = place.path().join("it's 50%j");
    let arguments = [
        "--executor",
        "slurm",
        "--wait",
        "--at-once",
        "2",
        "--sbatch=--time=10",
    ];
    let (good, said) = repro(&cluster, root.path(), &out, &arguments);
    assert!(!good, "{said}");
    assert!(
        said.contains("1 of 6 runs failed") && said.contains("wild seed 0"),
        "{said}"
    );
    assert!(said.contains("6 runs submitted"), "{said}");
    let expected = 6usize.div_ceil(MAX_ARRAY);
    assert_eq!(
        submission(&out)["arrays"].as_array().unwrap().len(),
        expected
    );
    assert_eq!(results(&out).len(), 5, "{said}");
    // The job behind the arrays wrote the report, although one run failed.
    let logs = fs::read_dir(out.join("slurm"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let log = logs
        .into_iter()
        .find(|path| path.to_string_lossy().contains("slurm-report-"));
    let log = fs::read_to_string(log.unwrap()).unwrap();
    assert!(
        log.contains("LoRA") && out.join("report/report.html").is_file(),
        "{log}"
    );

    // Again: only what is missing.
    let (good, said) = repro(&cluster, root.path(), &out, &arguments);
    assert!(!good && said.contains("1 runs submitted"), "{said}");
}

#[test]
#[cfg_attr(not(has_slurm), ignore = "needs slurmctld, slurmd, sbatch and munged")]
fn a_run_that_is_killed_is_submitted_again_and_gives_what_a_local_one_gives() {
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let (cluster, root) = (Cluster::start(), workspace(false));
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    // The second run of the array waits until it is released, so that it can be killed for certain.
    let (good, said) = repro(
        &cluster,
        root.path(),
        &out,
        &["--executor", "slurm", "--at-once", "1"],
    );
    assert!(good && said.contains("5 runs submitted"), "{said}");
    let job = submission(&out)["arrays"][0].as_str().unwrap().to_owned();
    let (good, said) = repro(&cluster, root.path(), &out, &["--executor", "slurm"]);
    assert!(
        !good && said.contains("earlier submission") && said.contains(&job),
        "{said}"
    );

    // One that has just begun: it cannot have finished before it is killed.
    let running = || -> Vec<String> {
        let said = cluster.run(
            "squeue",
            &["--noheader", "--states=RUNNING", "--format=%F_%K"],
        );
        let lines = said.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.ends_with("N/A")).collect()
    };
    let before = running();
    let fresh = || running().into_iter().find(|id| !before.contains(id));
    let victim = std::cell::RefCell::new(String::new());
    wait_for("another running element", || {
        let found = fresh();
        found.map(|id| victim.replace(id)).is_some()
    });
    let victim = victim.into_inner();
    cluster.run("scancel", &["--signal=KILL", "--full", &victim]);
    wait_for("an empty queue", || {
        cluster.run("squeue", &["--noheader"]).trim().is_empty()
    });
    assert_eq!(results(&out).len(), 4, "{victim} was killed");

    let (good, said) = repro(
        &cluster,
        root.path(),
        &out,
        &["--executor", "slurm", "--wait"],
    );
    assert!(good && said.contains("1 runs submitted"), "{said}");
    let local = place.path().join("local");
    let (good, said) = repro(&cluster, root.path(), &local, &[]);
    assert!(good, "{said}");
    assert_eq!(results(&out), results(&local));
    let (good, said) = repro(
        &cluster,
        root.path(),
        &out,
        &["--executor", "slurm", "--wait"],
    );
    assert!(good && said.contains("nothing is submitted"), "{said}");
}

#[test]
fn a_machine_without_slurm_is_told_so() {
    let root = workspace(false);
    let out = root.path().join("out");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(["repro", "--executor", "slurm", "--root"])
        .arg(root.path())
        .arg("--out")
        .arg(&out)
        .env("PATH", root.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("sinfo") && said.contains("--executor"),
        "{said}"
    );
    assert!(!out.join("slurm").exists());
}
