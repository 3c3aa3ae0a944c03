//! The contract of [`Generator`] as checks, for the tests of every implementation.

use std::collections::HashSet;

use harness::contract::Generator;
use harness::problem::Problem;

/// Checks what [`Generator`] promises, on generators made by `make` over `problems`.
///
/// # Panics
/// On the first breach, saying which.
pub fn check_generator<G: Generator>(mut make: impl FnMut() -> G, problems: &[Problem]) {
    let mut generator = make();
    let name = generator.name().to_owned();
    assert!(!name.is_empty(), "a generator has a name");
    assert_eq!(
        generator.provenance().backend,
        name,
        "provenance names the backend"
    );
    for problem in problems {
        let id = &problem.id;
        let mut generate = |n: usize| {
            generator
                .generate(problem, n)
                .unwrap_or_else(|error| panic!("{name}, {id}, n = {n}: {error}"))
        };
        let few = generate(3);
        assert!(few.len() <= 3, "{name}, {id}: more candidates than asked");
        for (index, candidate) in few.iter().enumerate() {
            assert_eq!(candidate.id.problem, *id, "{name}: problem of a candidate");
            assert_eq!(
                candidate.id.index as usize, index,
                "{name}, {id}: indices are 0, 1, … without gaps"
            );
            assert!(
                !candidate.provenance.backend.is_empty(),
                "{name}, {}: provenance",
                candidate.id
            );
        }
        assert_eq!(generate(0), [], "{name}, {id}: none asked, none given");
        assert_eq!(generate(3), few, "{name}, {id}: the same request again");
        let one = generate(1);
        assert_eq!(
            one[..],
            few[..few.len().min(1)],
            "{name}, {id}: the first candidate does not depend on n"
        );
        let ids: HashSet<_> = generate(100).into_iter().map(|c| c.id).collect();
        assert!(ids.len() <= 100 && ids.len() >= few.len());
        assert_eq!(
            make().generate(problem, 3).expect("generates again"),
            few,
            "{name}, {id}: a new generator gives the same"
        );
    }
    // The order of problems does not matter.
    let forward: Vec<_> = problems
        .iter()
        .map(|p| make().generate(p, 2).ok())
        .collect();
    let mut backward: Vec<_> = problems
        .iter()
        .rev()
        .map(|p| generator.generate(p, 2).ok())
        .collect();
    backward.reverse();
    assert_eq!(forward, backward, "{name}: the order of requests matters");
}
