//! JSON with a member on each line.

/// How far members stand from the margin: they are two levels deep in a document.
const INDENT: &str = "\n    ";
const LAST: &str = "\n  ";

/// The text of an object with each of its own members on a line; what is inside of them stays as it is.
pub(crate) fn spread(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4 + 16);
    let mut state = State::default();
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let Some((sign, space)) = state.after(byte) else { continue };
        // Signs are ASCII, so neither cut is inside of a character.
        out.push_str(text.get(from..at).unwrap_or_default());
        match sign {
            Sign::Before => (out.push_str(space), out.push(char::from(byte))).1,
            Sign::Behind => (out.push(char::from(byte)), out.push_str(space)).1,
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    if text == "{}" { text.to_owned() } else { out }
}

enum Sign {
    Before,
    Behind,
}

#[derive(Default)]
struct State {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl State {
    /// Takes a byte in, and says what space belongs to it.
    fn after(&mut self, byte: u8) -> Option<(Sign, &'static str)> {
        if self.in_text {
            self.in_text = byte != b'"' || self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            return None;
        }
        let outside = self.depth == 1;
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match byte {
            b'{' if self.depth == 1 => Some((Sign::Behind, INDENT)),
            b',' if outside => Some((Sign::Behind, INDENT)),
            b':' if outside => Some((Sign::Behind, " ")),
            b'}' if outside => Some((Sign::Before, LAST)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn members_get_lines_and_values_stay() {
        let text = r#"{"cart":[1,{"a":"},\""}],"user":"a:{,","é":{}}"#;
        let spread = "{\n    \"cart\": [1,{\"a\":\"},\\\"\"}],\n    \"user\": \"a:{,\",\n    \"é\": {}\n  }";
        assert_eq!(super::spread(text), spread);
        assert_eq!(super::spread("{}"), "{}");
        for odd in ["", "\"\\", "}{", "[]", "]]]"] {
            let _ = super::spread(odd);
        }
    }
}
