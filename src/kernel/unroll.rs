//! Unrolls counted loops in WGSL text.
//!
//! Patches of C live in registers only if every index into them is a constant by the time registers are
//! given out. Some compilers unroll for that, some do not (naga writes every loop as `loop` with a
//! `break`, which hides the count; SwiftShader unrolls nothing). So the composer does it: the text stays
//! plain WGSL before and after, and means the same.

/// Loops of more turns are left alone.
const MOST_TURNS: u32 = 16;

/// A loop that would become longer than this many lines is left alone, and those in it are unrolled.
const MOST_LINES: usize = 1024;

/// Replaces each `for (var i = 0u; i < N; i++) {` whose bound is a literal or known to `constant` by its
/// turns. The closing brace of a loop stands on a line of its own.
pub(super) fn unroll(source: &str, constant: &dyn Fn(&str) -> Option<u32>) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let mut text = block(&lines, constant).join("\n");
    text.push('\n');
    text
}

fn block(lines: &[&str], constant: &dyn Fn(&str) -> Option<u32>) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let Some((name, bound)) = head(line) else {
            out.push(line.to_string());
            at += 1;
            continue;
        };
        let end = at + closing(&lines[at..]);
        let body = block(&lines[at + 1..end], constant);
        let indent = &line[..line.len() - line.trim_start().len()];
        match turns(bound, constant) {
            Some(turns) if turns as usize * (body.len() + 2) <= MOST_LINES && !jumps(&body) => {
                for turn in 0..turns {
                    out.push(format!("{indent}{{"));
                    out.extend(body.iter().map(|line| substitute(line, name, &format!("{turn}u"))));
                    out.push(format!("{indent}}}"));
                }
            }
            _ => {
                out.push(line.to_string());
                out.extend(body);
                out.push(lines.get(end).map_or(String::new(), |line| line.to_string()));
            }
        }
        at = end + 1;
    }
    out
}

/// Name and bound of a counted loop.
fn head(line: &str) -> Option<(&str, &str)> {
    let inner = line.trim().strip_prefix("for (var ")?.strip_suffix("++) {")?;
    let (name, rest) = inner.split_once(" = 0u; ")?;
    let bound = rest.strip_prefix(name)?.strip_prefix(" < ")?.strip_suffix(name)?.strip_suffix("; ")?;
    Some((name, bound))
}

fn turns(bound: &str, constant: &dyn Fn(&str) -> Option<u32>) -> Option<u32> {
    let literal = bound.strip_suffix('u').and_then(|digits| digits.parse().ok());
    literal.or_else(|| constant(bound)).filter(|&turns| turns <= MOST_TURNS)
}

/// Lines from a loop's head to the brace that closes it.
fn closing(lines: &[&str]) -> usize {
    let mut depth = 0i32;
    for (at, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
        if depth <= 0 {
            return at;
        }
    }
    lines.len()
}

/// Whether a jump could leave a turn. Even one that belongs to an inner loop counts: none of ours needs it.
fn jumps(body: &[String]) -> bool {
    body.iter().any(|line| line.contains("break") || line.contains("continue"))
}

/// Replaces whole words, members left alone.
fn substitute(line: &str, name: &str, value: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let previous = before.chars().next_back().or_else(|| out.chars().next_back());
        // A name behind a point is a member: `v.x` in a loop over x.
        let whole = !previous.is_some_and(|c| word(c) || c == '.') && !after.chars().next().is_some_and(word);
        out.push_str(before);
        out.push_str(if whole { value } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unrolled(source: &str) -> String {
        unroll(source, &|name| (name == "N").then_some(2))
    }

    #[test]
    fn a_loop_with_a_constant_bound_becomes_its_turns() {
        let source = "for (var i = 0u; i < N; i++) {\n    a[i] = ii + v.i + xi + i2;\n}\nb();";
        assert_eq!(
            unrolled(source),
            "{\n    a[0u] = ii + v.i + xi + i2;\n}\n{\n    a[1u] = ii + v.i + xi + i2;\n}\nb();\n"
        );
    }

    #[test]
    fn loops_in_loops_are_unrolled_from_within() {
        let source = "for (var y = 0u; y < N; y++) {\n  for (var x = 0u; x < 3u; x++) {\n    s[y][x] += y;\n  }\n}";
        let text = unrolled(source);
        assert!(!text.contains("for"), "{text}");
        assert!(text.contains("s[1u][2u] += 1u;"), "{text}");
        assert_eq!(text.matches("+=").count(), 6);
    }

    #[test]
    fn what_cannot_be_unrolled_stays_and_its_inner_loops_do_not() {
        for head in [
            "for (var i = 0u; i < dims.k; i++) {",
            "for (var i = 0u; i < 17u; i++) {",
            "for (var i = l; i < N; i += 2u) {",
        ] {
            let text = unrolled(&format!("{head}\n  for (var x = 0u; x < N; x++) {{\n    f(i, x);\n  }}\n}}"));
            assert!(text.starts_with(head), "{text}");
            assert!(text.contains("f(i, 0u);") && text.contains("f(i, 1u);"), "{text}");
        }
        let jump = "for (var i = 0u; i < N; i++) {\n  if a { break; }\n}\n";
        assert_eq!(unrolled(jump), jump);
    }
}
