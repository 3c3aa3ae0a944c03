//! A server for tests, which can be as bad as real ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// How many came before.
    pub(crate) number: usize,
    pub(crate) path: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        Some(value)
    }

    /// The text of the prompt.
    pub(crate) fn prompt(&self) -> String {
        match self.body["prompt"].as_str() {
            Some(text) => text.to_owned(),
            None => self.body["messages"].to_string(),
        }
    }

    pub(crate) fn n(&self) -> usize {
        usize::try_from(self.body["n"].as_u64().expect("it says how many")).unwrap()
    }

    /// What a good server answers, with `n` choices.
    pub(crate) fn choices(&self, n: usize) -> Reply {
        let is_chat = self.path.ends_with("/chat/completions");
        let choices: Vec<Value> = (0..n)
            .map(|index| {
                let seed = &self.body["seed"];
                let text = format!("# {} {seed} {index}\nprint(1)", self.prompt());
                let finish_reason = "stop";
                if is_chat {
                    let message = json!({"role": "assistant", "content": text});
                    json!({"index": index, "message": message, "finish_reason": finish_reason})
                } else {
                    json!({"index": index, "text": text, "finish_reason": finish_reason})
                }
            })
            .collect();
        // The last first: the order must not matter.
        let choices: Vec<Value> = choices.into_iter().rev().collect();
        Reply::Json(
            200,
            json!({"choices": choices, "usage": {"completion_tokens": 4 * n}}),
        )
    }

    pub(crate) fn good(&self) -> Reply {
        self.choices(self.n())
    }
}

/// What goes back.
pub(crate) enum Reply {
    Json(u16, Value),
    /// Status, further header lines, kind of content, content.
    Other(u16, &'static str, &'static str, String),
    /// Promises more than it sends.
    Truncated(String),
    /// Says nothing for so long.
    Hang(Duration),
    /// Hangs up.
    Close,
}

/// A server on this machine, until it is dropped.
pub(crate) struct Server {
    pub(crate) base_url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    most_at_once: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    address: std::net::SocketAddr,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let now = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let server = Self {
            base_url: format!("http://{address}/v1"),
            requests: Arc::clone(&requests),
            most_at_once: Arc::clone(&most_at_once),
            stop: Arc::clone(&stop),
            address,
        };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                let (now, most) = (Arc::clone(&now), Arc::clone(&most_at_once));
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let Some(mut request) = read(&stream) else {
                        return;
                    };
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    {
                        let mut requests = requests.lock().unwrap();
                        request.number = requests.len();
                        requests.push(request.clone());
                    }
                    let reply = answer(&request);
                    now.fetch_sub(1, Ordering::SeqCst);
                    write(stream, reply);
                });
            }
        });
        server
    }

    /// What came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The largest number of requests that were answered at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.1.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        number: 0,
        path,
        headers,
        body: serde_json::from_slice(&body).ok()?,
    })
}

fn write(mut stream: TcpStream, reply: Reply) {
    let head = |status: u16, more: &str, kind: &str, length: usize| {
        format!(
            "HTTP/1.1 {status} Some\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
             connection: close\r\n{more}\r\n"
        )
    };
    let text = match reply {
        Reply::Json(status, body) => {
            let body = body.to_string();
            head(status, "", "application/json", body.len()) + &body
        }
        Reply::Other(status, more, kind, body) => head(status, more, kind, body.len()) + &body,
        Reply::Truncated(body) => head(200, "", "application/json", body.len() + 100) + &body,
        Reply::Hang(time) => {
            thread::sleep(time);
            return;
        }
        Reply::Close => return,
    };
    // The client may have given up.
    let _ = stream.write_all(text.as_bytes());
}
