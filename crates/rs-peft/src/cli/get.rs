//! `rs-peft get`: published files by name, checked against their hash.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use rs_peft::download::{PUBLISHED, Pin, Published, check, published};

/// Arguments of `get`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    rs-peft get --list\n  \
    rs-peft get dofa_vit_base --to weights\n  \
    rs-peft get mae_vit_base --to weights --unpinned\n  \
    rs-peft get dinov3_sat_vit_large --check weights/dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth")]
pub(crate) struct Args {
    /// Name of a model of the zoo or of a data set.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Print all names, with address, hash and licence.
    #[arg(long)]
    list: bool,
    /// Folder that the file goes to.
    #[arg(long, default_value = ".")]
    to: PathBuf,
    /// Check a file that was fetched by hand; no network is used.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    check: Option<PathBuf>,
    /// The SHA-256 that its bytes must have, where the list names none.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Take what comes, where nobody published a hash.
    #[arg(long, conflicts_with = "sha256")]
    unpinned: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        list(args.json);
        return Ok(());
    };
    let file = published(name)?;
    let pin = match &args.sha256 {
        Some(given) => {
            let given = Pin::parse(given)?;
            if let (Some(known), Pin::Whole(digits)) = (file.pin(), &given) {
                ensure!(
                    known.holds(digits),
                    "--sha256 {given} is not the hash of {name}: it is {known}"
                );
            }
            Some(given)
        }
        None => file.pin(),
    };
    let (path, sha256, bytes) = match &args.check {
        Some(path) => {
            let (sha256, bytes) = check(path, pin.as_ref())?;
            (path.clone(), sha256, bytes)
        }
        None => fetch(file, pin.as_ref(), args)?,
    };
    if args.json {
        let found = serde_json::json!({
            "name": name, "path": path, "sha256": sha256, "bytes": bytes, "checked": pin.is_some(), "licence": file.licence
        });
        println!("{found}");
    } else {
        let checked = if pin.is_some() {
            ""
        } else {
            " (not checked: nobody published it)"
        };
        println!(
            "{}\nsha256   {sha256}{checked}\nbytes    {bytes}\nlicence  {}",
            path.display(),
            file.licence
        );
    }
    Ok(())
}

fn list(json: bool) {
    for file in PUBLISHED {
        let (from, how) = match file.from {
            Ok(url) => (Some(url), url),
            Err(how) => (None, how),
        };
        if json {
            let row = serde_json::json!({
                "name": file.name, "url": from, "file": file.file, "sha256": file.sha256, "licence": file.licence
            });
            println!("{row}");
        } else {
            let pin = file
                .pin()
                .map_or("no hash published".into(), |pin| pin.to_string());
            println!("{}\n    {how}\n    {pin}\n    {}", file.name, file.licence);
        }
    }
}

/// Where a file has to go, if it may be fetched at all.
fn place(
    file: &Published,
    pin: Option<&Pin>,
    args: &Args,
) -> anyhow::Result<(&'static str, PathBuf)> {
    use rs_peft::download::DownloadError;
    let name = file.name.to_owned();
    let url = file.from.map_err(|how| DownloadError::ByHand {
        name: name.clone(),
        how,
    })?;
    if pin.is_none() && !args.unpinned {
        return Err(DownloadError::NoPin { name }.into());
    }
    Ok((url, args.to.join(file.file)))
}

/// The file where it has to be, there already or brought.
fn fetch(
    file: &Published,
    pin: Option<&Pin>,
    args: &Args,
) -> anyhow::Result<(PathBuf, String, u64)> {
    let (url, target) = place(file, pin, args)?;
    make(&args.to)?;
    let (sha256, bytes) = if target.exists() {
        check(&target, pin)?
    } else {
        bring(file.name, url, pin, &target)?
    };
    Ok((target, sha256, bytes))
}

#[cfg(feature = "hub")]
fn bring(
    _name: &str,
    url: &str,
    pin: Option<&Pin>,
    target: &Path,
) -> anyhow::Result<(String, u64)> {
    use indicatif::{ProgressBar, ProgressStyle};
    use rs_peft::download::{Https, download};

    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
    )?);
    let fetched = download(&Https::default(), url, pin, target, &mut |step| {
        bar.set_length(step.of.unwrap_or(step.done));
        bar.set_position(step.done);
    })?;
    bar.finish_and_clear();
    Ok((fetched.sha256, fetched.bytes))
}

#[cfg(not(feature = "hub"))]
fn bring(
    name: &str,
    url: &str,
    _pin: Option<&Pin>,
    _target: &Path,
) -> anyhow::Result<(String, u64)> {
    anyhow::bail!(
        "this program was built without the network: build it with `--features hub`, or fetch {url} by hand and run \
         `rs-peft get {name} --check FILE`"
    )
}

fn make(folder: &Path) -> anyhow::Result<()> {
    use anyhow::Context;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}
