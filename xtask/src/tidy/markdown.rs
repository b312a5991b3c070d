//! Just enough of Markdown to find links and headings.

/// A link or a picture: what is shown, where it points, and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) target: String,
    pub(crate) line: usize,
}

/// All links of a page, inline ones and definitions, without what stands in code.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let prose = without_fences(page);
    let mut found = Vec::new();
    inline(&prose, 1, &mut found);
    found.extend(definitions(&prose));
    found
}

/// The page with blank lines in place of fenced code, so that line numbers stay.
fn without_fences(page: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut prose = String::with_capacity(page.len());
    for line in page.lines() {
        let bare = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        let outside = fence.is_none() && mark.is_none();
        fence = match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => None,
            (None, mark) => mark,
            (open, _) => open,
        };
        prose.push_str(if outside { line } else { "" });
        prose.push('\n');
    }
    prose
}

fn inline(prose: &str, first_line: usize, found: &mut Vec<Link>) {
    let mut at = 0;
    while let Some(next) = prose[at..].find(['`', '[', '\\']).map(|offset| at + offset) {
        at = match prose.as_bytes()[next] {
            b'`' => after_code(prose, next),
            b'\\' => after_escape(prose, next),
            _ => after_bracket(prose, next, first_line, found),
        };
    }
}

/// Reads a link at its opening bracket, and what is nested in its text.
fn after_bracket(prose: &str, open: usize, first_line: usize, found: &mut Vec<Link>) -> usize {
    let line = first_line + prose[..open].matches('\n').count();
    let Some(close) = closing(prose, open) else { return open + 1 };
    let text = &prose[open + 1..close];
    inline(text, line, found);
    let Some((target, end)) = target_at(prose, close + 1) else { return close + 1 };
    found.push(Link { text: text.to_owned(), target: target.to_owned(), line });
    end
}

/// The bracket that closes the one at `open`, before the paragraph ends.
fn closing(prose: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = open;
    loop {
        let next = at + prose[at..].find(['`', '[', ']', '\\', '\n'])?;
        match prose.as_bytes()[next] {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some(next),
            b']' => depth -= 1,
            b'\n' if prose[next + 1..].starts_with('\n') => return None,
            _ => {}
        }
        at = match prose.as_bytes()[next] {
            b'`' => after_code(prose, next),
            b'\\' => after_escape(prose, next),
            _ => next + 1,
        };
    }
}

/// `(target)` or `(target "title")`.
fn target_at(prose: &str, at: usize) -> Option<(&str, usize)> {
    let rest = prose[at..].strip_prefix('(')?;
    let close = rest.find(')')?;
    let target = rest[..close].split_whitespace().next().unwrap_or_default();
    Some((target.trim_start_matches('<').trim_end_matches('>'), at + 1 + close + 1))
}

/// The end of a span of code that begins at `at`, or of its backticks if it is not closed.
fn after_code(prose: &str, at: usize) -> usize {
    let ticks = prose[at..].bytes().take_while(|byte| *byte == b'`').count();
    let inside = at + ticks;
    let mark = "`".repeat(ticks);
    prose[inside..].find(&mark).map_or(inside, |offset| inside + offset + ticks)
}

fn after_escape(prose: &str, at: usize) -> usize {
    at + 1 + prose[at + 1..].chars().next().map_or(0, char::len_utf8)
}

/// `[name]: target`, each on a line of its own.
fn definitions(prose: &str) -> impl Iterator<Item = Link> {
    prose.lines().enumerate().filter_map(|(number, line)| {
        let (name, target) = line.trim_start().strip_prefix('[')?.split_once("]: ")?;
        let target = target.split_whitespace().next()?;
        Some(Link { text: name.to_owned(), target: target.to_owned(), line: number + 1 })
    })
}

/// The anchors of a page's headings, as GitHub makes them.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in without_fences(page).lines() {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if (1..=6).contains(&level) && title.starts_with(' ') {
            let anchor = anchor(title.trim());
            let same = anchors.iter().filter(|other| **other == anchor).count();
            anchors.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
        }
    }
    anchors
}

fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The spans of code in a link's text.
pub(crate) fn code_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(page: &str) -> Vec<String> {
        links(page).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn links_are_found_where_they_stand() {
        let page =
            "See [the `a[0]` map](ARCHITECTURE.md), and\n[two\nlines](b.md#c \"title\").\n\n[x]: d.md\n";
        let found: Vec<_> = links(page).into_iter().map(|link| (link.line, link.target)).collect();
        assert_eq!(found, [(1, "ARCHITECTURE.md".into()), (2, "b.md#c".into()), (5, "d.md".into())]);
    }

    #[test]
    fn pictures_in_links_count_twice() {
        assert_eq!(
            targets("[![shop](shop.png)](shop.md) [brackets [inside]](a.md) [<angle>](<b.md>)"),
            ["shop.png", "shop.md", "a.md", "b.md"]
        );
    }

    #[test]
    fn code_is_not_searched() {
        let page =
            "`[a](b.md)` ``[`](c.md)``\n```text\n[d](e.md)\n~~~\n```\n~~~\n[f]: g.md\n~~~\n\\[h](i.md)\n";
        assert_eq!(targets(page), Vec::<String>::new());
    }

    #[test]
    fn brackets_without_target_are_no_links() {
        assert_eq!(targets("[ ] open, [x] done, [Session] and [unclosed\n\n(a.md)"), Vec::<String>::new());
    }

    #[test]
    fn headings_have_github_anchors() {
        let page = "# A card, *kept*\n## Why `set` isn't async?\n```\n# no\n```\n## Same\n## Same\n#tag\n";
        assert_eq!(anchors(page), ["a-card-kept", "why-set-isnt-async", "same", "same-1"]);
    }

    #[test]
    fn code_spans_are_taken_from_texts() {
        assert_eq!(code_in("`a::b` and `c`").collect::<Vec<_>>(), ["a::b", "c"]);
        assert_eq!(code_in("none").count(), 0);
    }
}
