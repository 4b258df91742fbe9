//! Files that come in pieces, break off, or are not the ones that were published.

use std::cell::RefCell;
use std::io::Read;

use rs_peft::download::{Answer, DownloadError, Pin, Transport, check, download};

/// A server with one file, which breaks off after some bytes as often as it is told.
struct Server {
    bytes: Vec<u8>,
    /// Bytes to send before the connection breaks, the last first; whole answers when it is empty.
    breaks: RefCell<Vec<usize>>,
    continues: bool,
    says_total: bool,
    asked: RefCell<Vec<u64>>,
}

impl Server {
    fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.into(),
            breaks: RefCell::default(),
            continues: true,
            says_total: true,
            asked: RefCell::default(),
        }
    }
}

impl Transport for Server {
    fn open(&self, _url: &str, from: u64) -> Result<Answer, DownloadError> {
        self.asked.borrow_mut().push(from);
        let start = if self.continues { from } else { 0 };
        let rest = self.bytes[start as usize..].to_vec();
        let total = self.says_total.then_some(self.bytes.len() as u64);
        let body: Box<dyn Read> = match self.breaks.borrow_mut().pop() {
            Some(count) => Box::new(std::io::Cursor::new(rest[..count].to_vec()).chain(Broken)),
            None => Box::new(std::io::Cursor::new(rest)),
        };
        Ok(Answer { start, total, body })
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::ConnectionReset.into())
    }
}

const BYTES: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn pin() -> Pin {
    // printf 0123456789abcdefghijklmnopqrstuvwxyz | sha256sum
    Pin::parse("74e7e5bb9d22d6db26bf76946d40fff3ea9f0346b884fd0694920fccfad15e33").unwrap()
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_broken_download_is_continued() {
    for continues in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("weights.pth");
        let mut server = Server::new(BYTES);
        server.continues = continues;
        server.breaks.borrow_mut().extend([5, 10]);
        let fetch =
            |progress: &mut dyn FnMut(_)| download(&server, "u", Some(&pin()), &target, progress);
        for _ in 0..2 {
            let error = fetch(&mut |_| ()).unwrap_err().to_string();
            assert!(error.contains("run the command again"), "{error}");
            assert_eq!(names(folder.path()), ["weights.pth.part"]);
        }
        let mut last = None;
        let fetched = fetch(&mut |step: rs_peft::download::Progress| last = Some(step)).unwrap();
        assert_eq!(last.unwrap().done, BYTES.len() as u64);
        assert!(!fetched.already && fetched.bytes == BYTES.len() as u64);
        assert_eq!(names(folder.path()), ["weights.pth"]);
        assert_eq!(std::fs::read(&target).unwrap(), BYTES);
        let second = if continues { 15 } else { 5 };
        assert_eq!(*server.asked.borrow(), [0, 10, second], "{continues}");
        // A file that is there is not fetched again.
        assert!(fetch(&mut |_| ()).unwrap().already);
        assert_eq!(server.asked.borrow().len(), 3);
    }
}

#[test]
fn bytes_that_are_not_the_published_ones_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("weights.pth");
    let other = Server::new(b"something else");
    let error = download(&other, "u", Some(&pin()), &target, &mut |_| ()).unwrap_err();
    assert!(matches!(error, DownloadError::Hash { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
    // Without a pin its hash is learnt, and the next one is held to it.
    let fetched = download(&other, "u", None, &target, &mut |_| ()).unwrap();
    assert_eq!(fetched.sha256, check(&target, None).unwrap().0);
    let error = download(&other, "u", Some(&pin()), &target, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"something else");
}

#[test]
fn a_short_or_endless_answer_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("weights.pth");
    struct Lying(u64);
    impl Transport for Lying {
        fn open(&self, _: &str, _: u64) -> Result<Answer, DownloadError> {
            let body = Box::new(std::io::Cursor::new(BYTES));
            let total = Some(self.0);
            Ok(Answer {
                start: 0,
                total,
                body,
            })
        }
    }
    let error = download(&Lying(1000), "u", None, &target, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("36 of 1000"), "{error}");
    std::fs::remove_file(folder.path().join("weights.pth.part")).unwrap();
    let error = download(&Lying(3), "u", None, &target, &mut |_| ()).unwrap_err();
    assert!(matches!(error, DownloadError::TooLarge { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
    // A server that says nothing about the size is believed when it ends.
    let mut silent = Server::new(BYTES);
    silent.says_total = false;
    assert!(download(&silent, "u", Some(&pin()), &target, &mut |_| ()).is_ok());
}
