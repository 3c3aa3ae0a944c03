//! Guests in worker processes.

use std::fs;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use harness::contract::Executor;
use harness::execution::{Ending, Execution, Grants, Limit, Limits, Step};
use harness::value::Value;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::SandboxError;
use sandbox::worker::{Workers, WorkersOptions};

use crate::support::{options, sandbox};

fn new_workers() -> Workers {
    let options = WorkersOptions {
        sandbox: options(),
        command: vec![env!("CARGO_BIN_EXE_sandbox-worker").into()],
    };
    Workers::new(options, || ()).expect("workers")
}

fn workers() -> &'static Workers {
    static WORKERS: LazyLock<Workers> = LazyLock::new(new_workers);
    &WORKERS
}

fn script(executor: &dyn Executor, source: &str) -> Execution {
    executor
        .session(&Limits::default(), &Grants::default())
        .and_then(|mut session| session.run(&Step::RunScript { source, stdin: b"" }))
        .expect("an execution")
}

#[test]
fn facts_are_those_of_a_guest_in_this_process() {
    assert_eq!(workers().fingerprint(), sandbox().fingerprint());
    let limits = Limits {
        memory_bytes: 128 << 20,
        ..Limits::default().with_reference_seconds(0.05)
    };
    let scripts = [
        "print('hello'); import sys; print('note', file=sys.stderr)",
        "1/0",
        "while True: pass",
        "x = []\nwhile True: x.append(bytes(1 << 20))",
        "import os; print('done', flush=True); os._exit(0)",
        "import socket",
    ];
    let both: [&dyn Executor; 2] = [workers(), sandbox()];
    for source in scripts {
        let [there, here] = both.map(|executor| {
            let mut session = executor.session(&limits, &Grants::default()).unwrap();
            session
                .run(&Step::RunScript { source, stdin: b"" })
                .unwrap()
        });
        assert_eq!(there, here, "{source}");
    }
    let [there, here] = both.map(|executor| {
        let mut session = executor.session(&limits, &Grants::default()).unwrap();
        let load = Step::Load {
            prelude: "",
            source: "def f(x):\n    return [x, str(x)]",
            name: "m",
            instantiate: None,
        };
        let call = Step::Call {
            function: "f",
            arguments: &[Value::from(7)],
        };
        [session.run(&load).unwrap(), session.run(&call).unwrap()]
    });
    assert_eq!(there, here);
    assert_eq!(
        there[1].value,
        Some(Value::List(vec![Value::from(7), "7".into()]))
    );
}

#[test]
fn a_worker_that_is_killed_costs_its_session_only() {
    let workers = new_workers();
    assert_eq!(script(&workers, "print(1)").stdout, b"1\n");
    let [process] = workers.idle_processes()[..] else {
        panic!("one session needs one worker");
    };
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
        kill_process(process, Signal::KILL).unwrap();
    });
    let error = workers
        .session(&Limits::default(), &Grants::default())
        .and_then(|mut session| {
            session.run(&Step::RunScript {
                source: "while True: pass",
                stdin: b"",
            })
        })
        .expect_err("the worker was killed");
    killer.join().unwrap();
    let error = error.downcast_ref::<SandboxError>().expect("our own error");
    assert!(error.is_retryable());
    assert!(error.to_string().contains("signal 9"), "{error}");
    assert_eq!(script(&workers, "print(2)").stdout, b"2\n");
}

#[test]
fn workers_end_with_the_harness() {
    let workers = new_workers();
    script(&workers, "print(1)");
    let processes = workers.idle_processes();
    assert_eq!(processes.len(), 1);
    drop(workers);
    for process in processes {
        let folder = format!("/proc/{process}");
        assert!(!fs::exists(&folder).unwrap(), "{folder} is left");
    }
}

#[test]
fn scratch_directories_work_and_vanish() {
    let limits = Limits::default();
    let grants = Grants {
        scratch: Some("/work".into()),
        read_only: Vec::new(),
    };
    let source = "\
import os
os.makedirs('/work/a/b')
open('/work/a/b/c', 'w').write('text')
try:
    os.symlink('/etc/passwd', '/work/link')
except OSError:
    pass
print(open('/work/a/b/c').read(), sorted(os.listdir('/work'))[0])
for path in ('/etc/passwd', '/work/../etc/passwd', '/proc/self/environ'):
    try:
        open(path)
        print('opened', path)
    except OSError:
        pass
";
    for _ in 0..2 {
        let mut session = workers().session(&limits, &grants).unwrap();
        let execution = session.run(&Step::RunScript { source, stdin: b"" });
        let execution = execution.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&execution.stdout),
            "text a\n",
            "{}",
            String::from_utf8_lossy(&execution.stderr)
        );
    }
}

#[test]
fn a_file_cannot_grow_without_bound() {
    let grants = Grants {
        scratch: Some("/work".into()),
        read_only: Vec::new(),
    };
    let source = "\
block = bytes(1 << 16)
try:
    with open('/work/file', 'wb', buffering=0) as file:
        for _ in range(1100):
            file.write(block)
    print('no limit')
except OSError as error:
    print('limited')
";
    let mut session = workers().session(&Limits::default(), &grants).unwrap();
    let execution = session.run(&Step::RunScript { source, stdin: b"" });
    assert_eq!(execution.unwrap().stdout, b"limited\n");
}

#[test]
fn a_read_only_directory_can_be_granted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "granted").unwrap();
    let grants = Grants {
        scratch: None,
        read_only: vec![(directory.path().to_owned(), "/data".into())],
    };
    let source = "print(open('/data/file').read())\nopen('/data/file', 'w')";
    let mut session = workers().session(&Limits::default(), &grants).unwrap();
    let execution = session
        .run(&Step::RunScript { source, stdin: b"" })
        .unwrap();
    assert_eq!(execution.stdout, b"granted\n");
    assert!(matches!(execution.ending, Ending::Raised { .. }));
}

#[test]
fn the_kernel_confines_workers() {
    let confinement = workers().confinement().unwrap();
    // Both exist on every kernel that the project is tested on.
    assert!(
        confinement.files && confinement.system_calls,
        "{confinement:?}"
    );
}

#[test]
fn many_threads_share_workers() {
    let limits = Limits::default().with_reference_seconds(0.01);
    thread::scope(|scope| {
        for thread in 0..4 {
            let limits = &limits;
            scope.spawn(move || {
                for round in 0..10 {
                    let source = format!("print({thread}, {round})");
                    let mut session = workers().session(limits, &Grants::default()).unwrap();
                    let step = Step::RunScript {
                        source: &source,
                        stdin: b"",
                    };
                    let execution = session.run(&step).unwrap();
                    assert_eq!(execution.stdout, format!("{thread} {round}\n").as_bytes());
                    let step = Step::RunScript {
                        source: "while True: pass",
                        stdin: b"",
                    };
                    assert_eq!(
                        session.run(&step).unwrap().ending,
                        Ending::LimitHit { limit: Limit::Fuel }
                    );
                }
            });
        }
    });
}
