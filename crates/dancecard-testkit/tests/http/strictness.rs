//! Scripts are read strictly, and none is forgotten.

use std::collections::BTreeSet;
use std::path::Path;

use dancecard_testkit::http::{Plain, check, scripts};
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> [Trial; 4] {
    [
        Trial::test("strictness::lines_that_are_not_understood", refused),
        Trial::test("strictness::expectations_that_do_not_hold", failing),
        Trial::test("strictness::every_file_is_a_script_of_the_suite", every_file),
        Trial::test("strictness::reports_hold_no_token", no_token),
    ]
}

/// Each with the line that is at fault.
const REFUSED: [(&str, usize); 30] = [
    ("A: GET /\n< 200", 1),
    ("# s\n\n", 2),
    ("# s\nnonsense", 2),
    ("# s\nA: GET /", 2),
    ("# s\nA: GET /?fly=high\n< 200", 2),
    ("# s\nA: GET elsewhere\n< 200", 2),
    ("# s\nA: GE T /\n< 200", 2),
    ("# s\nA GET /\n< 200", 2),
    ("# s\nA: GET /\n< Vary: Cookie\n< 200", 3),
    ("# s\nA: GET /\n< 200\n< Vary Cookie", 4),
    ("# s\nA: GET /\n< 200\n< Set-Cookie: nonsense", 4),
    ("# s\nA: GET /\n< 200\n< Set-Cookie: a=1; Path=/; path=/", 4),
    ("# s\nA: GET /\n< 200\n> Cookie: a=b", 4),
    ("# s\nA: GET /\n< 200\n= load 1", 4),
    ("# s\nA: GET /\n< 200\n= 1 loads", 4),
    ("# s\nA: GET /\n< 200\n= 2 load", 4),
    ("# s\nA: GET /\n< 200\n+ 1 read", 4),
    ("# s\nA: GET /\n<200", 3),
    ("# s\n= 1 load", 2),
    ("# s\ncookie nme=id\nA: GET /\n< 200", 2),
    ("# s\ncookie same-site=never\nA: GET /\n< 200", 2),
    ("# s\npolicy idle=soon\nA: GET /\n< 200", 2),
    ("# s\npolicy idle=1h\nA: GET /\n< 200\npolicy idle=2h", 5),
    ("# s\nlayers thrice\nA: GET /\n< 200", 2),
    ("# s\nclock 1h", 2),
    ("# s\nclock +1y", 2),
    ("# s\ndown read", 2),
    ("# s\nstart tab", 2),
    ("# s\nvisit A app.example.org", 2),
    ("# s\ncookie name=id\nA: POST /?set=a:1\n< 200\n< Set-Cookie: new", 5),
];

fn refused() -> Result<(), Failed> {
    for (text, line) in REFUSED {
        let Err(failure) = check(&Plain, "s", text) else { return Err(format!("taken: {text:?}").into()) };
        let report = failure.to_string();
        if failure.expected() != "a script"
            || !report.contains(&format!("s, line {line}\n")) && !report.ends_with(&format!("s, line {line}"))
        {
            return Err(format!("{text:?} should be refused in line {line}: {report}").into());
        }
    }
    Ok(())
}

/// Each with a word of the report.
const FAILING: [(&str, &str); 22] = [
    ("A: GET /\n< 201", "200"),
    ("A: GET /?say=a\n< 200 b", "200 a"),
    ("A: GET /?say=a\n< 200", "200 a"),
    ("A: GET /?panic\n< 200", "no response"),
    ("A: GET /\n< no response", "200"),
    ("A: GET /?get=a\n< 200 -", "no other header"),
    ("A: GET /?header=X-Y:z\n< 200", "x-y: z"),
    ("A: GET /\n< 200\n< Vary: Cookie", "no such header"),
    ("A: GET /?header=Vary:a\n< 200\n< Vary: b", "Vary: b"),
    ("A: POST /?set=a:1\n< 200\n< private", "set-cookie"),
    ("A: POST /?set=a:1\n< 200\n< Set-Cookie: a={T}; Path=/\n< private", "__Host-session"),
    (
        "A: POST /?set=a:1\n< 200\n< Set-Cookie: __Host-session={T}; Path=/; HttpOnly; Secure\n< private",
        "samesite",
    ),
    (
        "A: POST /?set=a:1\n< 200\n< Set-Cookie: __Host-session={T}; Path=/; HttpOnly; Secure; SameSite=Strict\n< private",
        "`Strict`, got `Lax`",
    ),
    ("A: POST /?set=a:1\n< 200\n< Set-Cookie: removed\n< private", "max-age: expected `0`, got nothing"),
    ("A: POST /?set=a:1\n< 200\n< Set-Cookie: new\n< private\n= 2 writes", "1 write"),
    ("A: GET /?body&say=a\n< 200 a\n+ 1 load", "nothing"),
    ("sessions 1", "0"),
    ("plant A from https://app.example.org: a=1\njar A: empty", "a jar with"),
    ("open g", "a closed gate"),
    ("start tab A: GET /\nfinish tab\n< 200", "comes to a gate"),
    ("start tab A: GET /?gate=g", "every tab is finished"),
    ("drop A: GET /", "await points"),
];

fn failing() -> Result<(), Failed> {
    for (text, word) in FAILING {
        let Err(failure) = check(&Plain, "s", &format!("# s\n\n{text}\n")) else {
            return Err(format!("it holds: {text:?}").into());
        };
        if !failure.to_string().contains(word) {
            return Err(format!("{text:?} should fail with {word}: {failure}").into());
        }
    }
    Ok(())
}

fn every_file() -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/scripts");
    let mut files = BTreeSet::new();
    for area in std::fs::read_dir(folder)? {
        let area = area?.path();
        for file in std::fs::read_dir(&area)? {
            let stem = |path: &Path| {
                path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
            };
            files.insert(format!("{}::{}", stem(&area), stem(&file?.path())));
        }
    }
    let listed: BTreeSet<String> = scripts().map(|(name, _)| name.to_owned()).collect();
    let difference: Vec<_> = files.symmetric_difference(&listed).collect();
    if difference.is_empty() { Ok(()) } else { Err(format!("in one place only: {difference:?}").into()) }
}

fn no_token() -> Result<(), Failed> {
    let texts = [
        "# s\n\nA: POST /?set=a:1\n< 200\n< Set-Cookie: removed\n< private\n",
        "# s\n\nA: POST /?set=a:1\n< 200\n< private\n",
        "# s\n\ntransport header X-Session\nA: POST /?set=a:1\n< 200\n< private\n",
        "# s\n\nA: POST /?set=a:1\n< 200\n< Set-Cookie: new T\n< private\n\njar A: empty\n",
    ];
    for text in texts {
        let Err(failure) = check(&Plain, "s", text) else { return Err(format!("it holds: {text:?}").into()) };
        let report = failure.to_string();
        let run =
            report.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').map(str::len).max();
        if run.unwrap_or_default() >= dancecard_core::TOKEN_LEN {
            return Err(format!("a token in a report: {report}").into());
        }
    }
    Ok(())
}
