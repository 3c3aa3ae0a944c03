//! How long to wait for a worker: for as long as it works, and not too long.
//!
//! On a machine with much else to do a worker may need many times the seconds that its work
//! takes. So what counts is the processor time that it uses, and that it uses any.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A worker that used no processor time at all for this long waits for something that does not
/// come. On the most crowded machine it would have had its turn.
const STANDSTILL: Duration = Duration::from_secs(120);

/// The kernel tells processor times in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Reads from a worker until it has used up its processor time or stands still.
pub(super) struct Patience<'w> {
    stream: &'w UnixStream,
    process: u32,
    left: Duration,
    /// Processor time when it was last looked at.
    seen: Option<Duration>,
}

impl<'w> Patience<'w> {
    /// # Errors
    /// When the stream is no socket any more.
    pub(super) fn new(
        stream: &'w UnixStream,
        process: u32,
        processor_time: Duration,
    ) -> io::Result<Self> {
        stream.set_read_timeout(Some(STANDSTILL.min(processor_time)))?;
        Ok(Self {
            stream,
            process,
            left: processor_time,
            seen: None,
        })
    }

    /// Whether to wait on after a time-out.
    fn goes_on(&mut self) -> bool {
        let Some(now) = processor_time(self.process) else {
            return false;
        };
        let used = match self.seen.replace(now) {
            // Looking only after a time-out keeps the ordinary case cheap.
            None => TICK,
            Some(before) => now.saturating_sub(before),
        };
        self.left = self.left.saturating_sub(used);
        !used.is_zero() && !self.left.is_zero()
    }
}

impl Read for Patience<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&mut &*self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.goes_on() => {}
                result => return result,
            }
        }
    }
}

/// Processor time that all threads of a process have used; `None` where nobody tells.
fn processor_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in parentheses, with whatever in it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u32>().ok();
    // Fields 14 and 15 of proc_pid_stat(5), in user mode and in the kernel.
    Some(TICK * ticks(11)?.saturating_add(ticks(12)?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn python(source: &str) -> Child {
        let mut command = Command::new("python3");
        command.args(["-c", source]).stdout(Stdio::null());
        command.spawn().expect("python3 starts")
    }

    fn end(mut child: Child) {
        child.kill().expect("it can be ended");
        child.wait().expect("it ends");
    }

    #[test]
    fn whoever_works_is_waited_for() {
        let worker = python("while True: pass");
        let (mut far, near) = UnixStream::pair().expect("a pair of sockets");
        let mut patience = Patience::new(&near, worker.id(), Duration::from_secs(60))
            .expect("a time limit can be set");
        // Many times the window, which is as short as a test wants it.
        near.set_read_timeout(Some(Duration::from_millis(200)))
            .expect("a time limit can be set");
        let answer = thread::spawn(move || {
            thread::sleep(Duration::from_secs(2));
            far.write_all(b"x").expect("somebody reads");
        });
        let mut buffer = [0];
        assert_eq!(patience.read(&mut buffer).expect("an answer"), 1);
        answer.join().expect("it answered");
        end(worker);
    }

    #[test]
    fn whoever_stands_still_is_given_up() {
        let worker = python("import time; time.sleep(600)");
        let (_far, near) = UnixStream::pair().expect("a pair of sockets");
        let mut patience = Patience::new(&near, worker.id(), Duration::from_secs(60))
            .expect("a time limit can be set");
        near.set_read_timeout(Some(Duration::from_secs(2)))
            .expect("a time limit can be set");
        assert!(patience.read(&mut [0]).is_err());
        end(worker);
    }

    #[test]
    fn whoever_uses_up_its_time_is_given_up() {
        let worker = python("while True: pass");
        let (_far, near) = UnixStream::pair().expect("a pair of sockets");
        let mut patience = Patience::new(&near, worker.id(), Duration::from_millis(300))
            .expect("a time limit can be set");
        let start = Instant::now();
        assert!(patience.read(&mut [0]).is_err());
        assert!(start.elapsed() >= Duration::from_millis(300));
        end(worker);
    }

    #[test]
    fn processor_time_grows_with_work() {
        let me = std::process::id();
        let before = processor_time(me).expect("the kernel tells");
        let start = Instant::now();
        while processor_time(me) < Some(before + 3 * TICK) {
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        assert_eq!(processor_time(u32::MAX), None);
    }
}
