//! Files over HTTPS.

use super::{Answer, DownloadError, Transport};

/// A client with the system's proxy settings (`HTTPS_PROXY`) and the root certificates of Mozilla.
#[derive(Debug)]
pub struct Https {
    agent: ureq::Agent,
}

impl Default for Https {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(std::time::Duration::from_secs(30)))
            .build();
        Self {
            agent: config.into(),
        }
    }
}

impl Transport for Https {
    fn open(&self, url: &str, from: u64) -> Result<Answer, DownloadError> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| DownloadError::Broken {
            url: url.into(),
            message: error.to_string(),
        })?;
        let status = response.status().as_u16();
        let number = |name: &str| {
            let text = response.headers().get(name)?.to_str().ok()?;
            // `Content-Range` is `bytes FIRST-LAST/TOTAL`.
            text.rsplit('/').next()?.parse::<u64>().ok()
        };
        let (start, total) = match status {
            200 => (0, number("content-length")),
            206 => (from, number("content-range")),
            _ => {
                return Err(DownloadError::Refused {
                    url: url.into(),
                    status,
                    remedy: remedy(status),
                });
            }
        };
        Ok(Answer {
            start,
            total,
            body: Box::new(response.into_body().into_reader()),
        })
    }
}

fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "the publisher wants an account or an agreement: fetch the file by hand and run with --check FILE"
        }
        404 | 410 => "the file has moved: look for it by name and run with --check FILE",
        416 => "what lies in the .part file is not of this file: remove it",
        _ => "try again later",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Serves one file to `count` requests, honouring ranges.
    fn serve(bytes: Vec<u8>, count: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(count) {
                let mut stream = stream.unwrap();
                let mut from = 0;
                let mut missing = false;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap().to_ascii_lowercase();
                    missing |= line.starts_with("get /missing");
                    if let Some(range) = line.strip_prefix("range: bytes=") {
                        from = range.trim_end_matches('-').parse().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let (total, rest) = (bytes.len(), &bytes[from..]);
                let head = match (missing, from) {
                    (true, _) => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n".into(),
                    (_, 0) => format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n"),
                    _ => format!(
                        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{total}\r\n",
                        rest.len(),
                        total - 1
                    ),
                };
                write!(stream, "{head}Connection: close\r\n\r\n").unwrap();
                if !missing {
                    stream.write_all(rest).unwrap();
                }
            }
        });
        format!("http://{address}")
    }

    #[test]
    fn a_file_comes_from_the_start_and_from_the_middle() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let server = serve(bytes.clone(), 3);
        let https = Https::default();
        for from in [0, 1234] {
            let mut answer = https.open(&format!("{server}/file"), from).unwrap();
            assert_eq!((answer.start, answer.total), (from, Some(10_000)));
            let mut found = Vec::new();
            answer.body.read_to_end(&mut found).unwrap();
            assert_eq!(found, bytes[from as usize..]);
        }
        let error = https.open(&format!("{server}/missing"), 0).err().unwrap();
        assert!(matches!(error, DownloadError::Refused { status: 404, .. }));
    }
}
