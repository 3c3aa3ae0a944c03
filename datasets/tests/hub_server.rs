//! A small server that speaks as much of the Hub's protocol as a download needs:
//! description, list of files, redirect to a store, ranges.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the server misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behavior {
    /// Status instead of any answer.
    pub(crate) refuses_with: Option<u16>,
    /// Token without which the answer is 401.
    pub(crate) wants_token: Option<&'static str>,
    /// So many transfers of this file end after half of what was to come.
    pub(crate) cuts: (&'static str, usize),
    /// The store sends everything, whatever range was asked for.
    pub(crate) ignores_ranges: bool,
}

pub(crate) struct HubServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    repository: String,
    files: BTreeMap<String, Vec<u8>>,
    behavior: Behavior,
    /// Method, path and range of each request.
    log: Vec<String>,
}

impl HubServer {
    pub(crate) fn start(repository: &str, files: &[(&str, &[u8])], behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            repository: repository.to_owned(),
            files: files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
                .collect(),
            behavior,
            log: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        // Ends with the process; a test has only a few of them.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, address, &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, behavior: Behavior) {
        self.state.lock().unwrap().behavior = behavior;
    }

    /// Transfers from the store since the last call, with their ranges.
    pub(crate) fn take_transfers(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap();
        let log = std::mem::take(&mut state.log);
        log.into_iter()
            .filter(|line| line.starts_with("GET /store/"))
            .collect()
    }
}

/// Answers one request. A client that goes away is none of our business.
fn answer(stream: TcpStream, address: SocketAddr, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut range = None;
    let mut token = None;
    if reader.read_line(&mut request).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(n) if n > 2 => {}
            _ => break,
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.trim().to_owned()),
            "authorization" => token = Some(value.trim().trim_start_matches("Bearer ").to_owned()),
            _ => {}
        }
    }
    let mut words = request.split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = path.split('?').next().unwrap_or_default();
    let response =
        state
            .lock()
            .unwrap()
            .response(method, path, range.as_deref(), token.as_deref(), address);
    let mut stream = reader.into_inner();
    let _ = stream.write_all(&response);
    let _ = stream.flush();
}

impl State {
    fn response(
        &mut self,
        method: &str,
        path: &str,
        range: Option<&str>,
        token: Option<&str>,
        address: SocketAddr,
    ) -> Vec<u8> {
        self.log
            .push(format!("{method} {path} {}", range.unwrap_or("-")));
        let json = "Content-Type: application/json\r\n";
        if let Some(status) = self.behavior.refuses_with {
            return with_body(status, json, b"{\"error\": \"no\"}", method);
        }
        if self
            .behavior
            .wants_token
            .is_some_and(|wanted| token != Some(wanted))
        {
            return with_body(401, json, b"{\"error\": \"Invalid credentials\"}", method);
        }
        let repository = self.repository.clone();
        if path == format!("/api/datasets/{repository}") {
            let body =
                format!("{{\"_id\": \"1\", \"id\": \"{repository}\", \"sha\": \"{COMMIT}\"}}");
            return with_body(200, json, body.as_bytes(), method);
        }
        if path == format!("/api/datasets/{repository}/tree/{COMMIT}") {
            let mut entries = vec![
                "{\"type\": \"directory\", \"oid\": \"1\", \"size\": 0, \"path\": \"sub\"}"
                    .to_owned(),
            ];
            for (path, content) in &self.files {
                entries.push(format!(
                    "{{\"type\": \"file\", \"oid\": \"2\", \"size\": {}, \"path\": \"{path}\", \
                     \"lfs\": {{\"oid\": \"3\", \"size\": {0}, \"pointerSize\": 130}}}}",
                    content.len()
                ));
            }
            let body = format!("[{}]", entries.join(","));
            return with_body(200, json, body.as_bytes(), method);
        }
        if let Some(file) = path.strip_prefix(&format!("/datasets/{repository}/resolve/{COMMIT}/"))
            && let Some(content) = self.files.get(file)
        {
            // Large files are somewhere else, as on the Hub.
            let headers = format!(
                "Location: http://{address}/store/{file}\r\nX-Repo-Commit: {COMMIT}\r\n\
                 X-Linked-Size: {}\r\nX-Linked-Etag: \"e-{file}\"\r\n",
                content.len()
            );
            return with_body(302, &headers, b"", method);
        }
        if let Some(content) = path
            .strip_prefix("/store/")
            .and_then(|file| self.files.get(file))
        {
            let start = range
                .filter(|_| !self.behavior.ignores_ranges)
                .and_then(|range| {
                    range
                        .strip_prefix("bytes=")?
                        .split('-')
                        .next()?
                        .parse()
                        .ok()
                });
            let body = &content[start.unwrap_or(0)..];
            let status = if start.is_some() { 206 } else { 200 };
            let mut response = with_body(status, "", body, method);
            let (file, n_cuts) = &mut self.behavior.cuts;
            if method == "GET" && path.ends_with(*file) && *n_cuts > 0 {
                *n_cuts -= 1;
                response.truncate(response.len() - body.len().div_ceil(2));
            }
            return response;
        }
        with_body(404, json, b"{\"error\": \"Not found\"}", method)
    }
}

fn with_body(status: u16, headers: &str, body: &[u8], method: &str) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if method != "HEAD" {
        response.extend_from_slice(body);
    }
    response
}
