//! Licences by name and by text.

use std::fmt;

use serde::{Serialize, Serializer};

/// Licences that differ in little more than the names in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family(&'static str);

const MIT: Family = Family("mit");
const APACHE_2: Family = Family("apache-2.0");
const BSD_3: Family = Family("bsd-3-clause");
const BSD_2: Family = Family("bsd-2-clause");
/// BSD, but not which: what many packages say of themselves.
const BSD: Family = Family("bsd");
const CC0: Family = Family("cc0-1.0");
const UNLICENSE: Family = Family("unlicense");
const ISC: Family = Family("isc");
const BSD_4: Family = Family("bsd-4-clause");
const ZERO_BSD: Family = Family("0bsd");
const MIT_0: Family = Family("mit-0");
const X11: Family = Family("x11");
const HPND: Family = Family("hpnd");
const PSF: Family = Family("psf-2.0");
const MPL: Family = Family("mpl");
const GPL: Family = Family("gpl");
const LGPL: Family = Family("lgpl");
const AGPL: Family = Family("agpl");
const ZPL: Family = Family("zpl");
const EPL: Family = Family("epl");
const CC_BY: Family = Family("cc-by");

const ALL: [Family; 21] = [
    MIT, APACHE_2, BSD_3, BSD_2, BSD, CC0, UNLICENSE, ISC, BSD_4, ZERO_BSD, MIT_0, X11, HPND, PSF,
    MPL, GPL, LGPL, AGPL, ZPL, EPL, CC_BY,
];

/// Names that people write, without case, punctuation and words such as "license".
const NAMES: [(&str, Family); 48] = [
    ("mit", MIT),
    ("expat", MIT),
    ("mit expat", MIT),
    ("x11", X11),
    ("mit 0", MIT_0),
    ("apache", APACHE_2),
    ("apache 2", APACHE_2),
    ("apache 2 0", APACHE_2),
    ("apache2", APACHE_2),
    ("apache2 0", APACHE_2),
    ("asl 2 0", APACHE_2),
    ("asl 2", APACHE_2),
    ("bsd", BSD),
    ("bsd style", BSD),
    ("bsd 3 clause", BSD_3),
    ("bsd 3", BSD_3),
    ("bsd3", BSD_3),
    ("3 clause bsd", BSD_3),
    ("bsd 3 clause new or revised", BSD_3),
    ("new bsd", BSD_3),
    ("modified bsd", BSD_3),
    ("revised bsd", BSD_3),
    ("bsd 2 clause", BSD_2),
    ("bsd 2 clause simplified", BSD_2),
    ("2 clause bsd", BSD_2),
    ("simplified bsd", BSD_2),
    ("freebsd", BSD_2),
    ("bsd 4 clause", BSD_4),
    ("0bsd", ZERO_BSD),
    ("cc0", CC0),
    ("cc0 1 0", CC0),
    ("cc0 1 0 universal", CC0),
    ("cc0 1 0 universal cc0 1 0 public domain dedication", CC0),
    ("unlicense", UNLICENSE),
    ("unlicense unlicense", UNLICENSE),
    ("isc", ISC),
    ("isc iscl", ISC),
    ("iscl", ISC),
    ("hpnd", HPND),
    ("psf", PSF),
    ("psf 2 0", PSF),
    ("psfl", PSF),
    ("python", PSF),
    ("python 2 0", PSF),
    ("python 2 0 1", PSF),
    ("cnri python", PSF),
    ("python foundation", PSF),
    ("zpl 2 1", ZPL),
];

/// Beginnings of names with versions behind them.
const PREFIXES: [(&str, Family); 12] = [
    ("gpl", GPL),
    ("gnu gpl", GPL),
    ("gnu general public", GPL),
    ("lgpl", LGPL),
    ("gnu lgpl", LGPL),
    ("gnu lesser general public", LGPL),
    ("gnu library", LGPL),
    ("agpl", AGPL),
    ("gnu affero", AGPL),
    ("mpl", MPL),
    ("mozilla public", MPL),
    ("epl", EPL),
];

/// Phrases that a text of the licence has, and that texts of others do not. Where all of a line
/// occur, the licence does.
const PHRASES: [(&[&str], Family); 14] = [
    (&["gnu affero general public license"], AGPL),
    (&["gnu lesser general public license"], LGPL),
    (&["gnu library general public license"], LGPL),
    (&["gnu general public license"], GPL),
    (&["mozilla public license"], MPL),
    (&["eclipse public license"], EPL),
    (&["zope public license"], ZPL),
    (&["python software foundation license"], PSF),
    (&["creative commons attribution"], CC_BY),
    (&["apache license version 2 0"], APACHE_2),
    (&["cc0 1 0 universal"], CC0),
    (
        &["this is free and unencumbered software released into the public domain"],
        UNLICENSE,
    ),
    (
        &[
            "permission to use copy modify",
            "distribute this software and its documentation for any purpose",
        ],
        HPND,
    ),
    (&["redistribution and use in source and binary forms"], BSD),
];

impl Family {
    /// Those of the paper's data (§3.2).
    pub const PAPER: [Self; 7] = [MIT, APACHE_2, BSD_3, BSD_2, CC0, UNLICENSE, ISC];

    /// The family of this name, in its own spelling or another usual one.
    pub fn named(name: &str) -> Option<Self> {
        let lower = name.trim().to_lowercase();
        let own = ALL.into_iter().find(|family| family.0 == lower);
        own.or_else(|| by_name(name))
    }

    /// Names that [`Family::named`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.into_iter().map(|family| family.0)
    }

    /// Whether what is under this licence may be used where these are allowed.
    pub(super) fn is_among(self, allowed: &[Self]) -> bool {
        match self {
            BSD => allowed.contains(&BSD) || [BSD_2, BSD_3].iter().all(|it| allowed.contains(it)),
            other => allowed.contains(&other),
        }
    }
}

/// The licences whose texts or notices `text` contains; none where nothing is recognised.
pub(super) fn in_text(text: &str) -> Vec<Family> {
    let words = words(text);
    let has = |phrase: &str| words.contains(phrase);
    // Python's own is a pile of its owners' licences, which tells of others too.
    if has("python software foundation license version 2") && has("a history of the software") {
        return vec![PSF];
    }
    let mut found: Vec<Family> = PHRASES
        .iter()
        .filter(|(phrases, _)| phrases.iter().all(|phrase| has(phrase)))
        .map(|(_, family)| match *family {
            BSD => which_bsd(&words),
            other => other,
        })
        .collect();
    found.extend(which_mit(&words));
    found.extend(which_isc(&words));
    // The text of the GPL tells of the LGPL, and the other way round.
    found.sort();
    found.dedup();
    found
}

fn which_bsd(words: &str) -> Family {
    if words.contains("advertising materials mentioning features") {
        BSD_4
    } else if words.contains("endorse or promote products") {
        BSD_3
    } else {
        BSD_2
    }
}

fn which_mit(words: &str) -> Option<Family> {
    if !words.contains("permission is hereby granted free of charge to any person obtaining") {
        return None;
    }
    Some(if words.contains("except as contained in this notice") {
        X11
    } else if words.contains("permission notice") {
        MIT
    } else {
        MIT_0
    })
}

fn which_isc(words: &str) -> Option<Family> {
    const GRANT: &str = "this software for any purpose with or without fee is hereby granted";
    let rest = &words[words.find(GRANT)? + GRANT.len()..];
    let notice = " provided that the above copyright notice and this permission notice appear";
    Some(if rest.starts_with(notice) {
        ISC
    } else {
        ZERO_BSD
    })
}

/// A licence by the name that people give it.
pub(super) fn by_name(name: &str) -> Option<Family> {
    const FILLING: [&str; 8] = [
        "the", "license", "licence", "licensed", "version", "v", "software", "under",
    ];
    let words = words(name).replace(" v2", " 2").replace(" v3", " 3");
    let kept: Vec<&str> = words
        .split(' ')
        .filter(|word| !word.is_empty() && !FILLING.contains(word))
        .collect();
    let name = kept.join(" ");
    let whole = NAMES.iter().find(|(known, _)| *known == name);
    let begins = |prefix: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphabetic) || rest.starts_with('v'))
    };
    let prefix = || PREFIXES.iter().find(|(prefix, _)| begins(prefix));
    whole.or_else(prefix).map(|(_, family)| *family)
}

/// Lower-case words with one space between them, without punctuation and comment signs.
fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() {
            words.extend(character.to_lowercase());
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    words
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_many_spellings() {
        let check = |name: &str, expected: Option<Family>| {
            assert_eq!(Family::named(name), expected, "{name}");
        };
        check("MIT", Some(MIT));
        check("The MIT License (MIT)", None);
        check("MIT License", Some(MIT));
        check("Apache License, Version 2.0", Some(APACHE_2));
        check("Apache-2.0", Some(APACHE_2));
        check("Apache Software License", Some(APACHE_2));
        check("Apache v2", Some(APACHE_2));
        check("BSD License", Some(BSD));
        check("BSD-3-Clause", Some(BSD_3));
        check("3-Clause BSD License", Some(BSD_3));
        check("ISC License (ISCL)", Some(ISC));
        check("GNU General Public License v3 (GPLv3)", Some(GPL));
        check("GPLv2+", Some(GPL));
        check("LGPL-2.1-or-later", Some(LGPL));
        check("Python Software Foundation License", Some(PSF));
        check(
            "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
            Some(CC0),
        );
        check("The Unlicense (Unlicense)", Some(UNLICENSE));
        check("Proprietary", None);
        for family in ALL {
            check(family.0, Some(family));
        }
    }

    #[test]
    fn texts_by_what_they_say() {
        let check = |text: &str, expected: &[Family]| assert_eq!(in_text(text), expected, "{text}");
        let mit = "# Permission is hereby granted, free of charge, to any person obtaining a copy\n\
                   # of this software … The above copyright notice and this permission notice\n\
                   # shall be included in all copies";
        check(mit, &[MIT]);
        check(&mit.replace("and this permission notice", ""), &[MIT_0]);
        let bsd = "Redistribution and use in source and binary forms, with or without\n  \
                   modification, are permitted …";
        check(bsd, &[BSD_2]);
        let name = "Neither the name of X may be used to endorse or promote products";
        check(&format!("{bsd} {name}"), &[BSD_3]);
        check(&format!("{mit} {bsd}"), &[BSD_2, MIT]);
        let isc = "Permission to use, copy, modify, and/or distribute this software for any\npurpose \
                   with or without fee is hereby granted";
        check(
            &format!(
                "{isc}, provided that the above copyright notice and this\npermission \
                        notice appear in all copies."
            ),
            &[ISC],
        );
        check(&format!("{isc}."), &[ZERO_BSD]);
        check(
            "Licensed under the Apache License, Version 2.0 (the \"License\")",
            &[APACHE_2],
        );
        check("under the terms of the GNU General Public License", &[GPL]);
        check("All rights reserved. You may not copy this.", &[]);
        let python = "A. HISTORY OF THE SOFTWARE … PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2 … \
                      previously distributed under the GNU General Public License (GPL)";
        check(python, &[PSF]);
    }
}
