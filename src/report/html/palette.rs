//! The colours of the page, light and dark: data, so that their contrast can be computed.

/// One name with its value in each theme, `#rrggbb`.
pub struct Color {
    /// Name of the CSS variable.
    pub name: &'static str,
    /// On a light page, and on paper.
    pub light: &'static str,
    /// On a dark one.
    pub dark: &'static str,
}

const fn color(name: &'static str, light: &'static str, dark: &'static str) -> Color {
    Color { name, light, dark }
}

/// Everything that is coloured.
pub const PALETTE: [Color; 20] = [
    color("page", "#ffffff", "#12161b"),
    color("panel", "#f4f6f8", "#1b2129"),
    color("text", "#17202a", "#e6eaee"),
    color("muted", "#52606d", "#9fabb8"),
    color("grid", "#d9dee4", "#323b46"),
    color("link", "#0b5cad", "#7cb9f5"),
    color("bad", "#b3261e", "#ff8f87"),
    color("s0", "#0b62a8", "#6cb4f0"),
    color("s1", "#b1500a", "#f0a35e"),
    color("s2", "#0d6e63", "#56cdb5"),
    color("s3", "#9a1fa8", "#dd8fe6"),
    color("s4", "#5b6b00", "#c3d04c"),
    color("s5", "#4b4fb8", "#a5a9ff"),
    color("measured", "#dcf3e3", "#123a22"),
    color("on-measured", "#0c5527", "#9be7b4"),
    color("software", "#ffe9a8", "#4a3800"),
    color("on-software", "#553c00", "#ffdf80"),
    color("suspect", "#ffe0cc", "#4d2605"),
    color("on-suspect", "#7a3100", "#ffbf91"),
    color("none", "#e6e9ed", "#2b333d"),
];

/// The variables of both themes as CSS.
pub fn css() -> String {
    let theme = |of: fn(&Color) -> &'static str| -> String {
        PALETTE.iter().map(|c| format!("--{}:{};", c.name, of(c))).collect()
    };
    let series: String = (0..super::plot::SERIES)
        .map(|i| (i, super::plot::Ink::Series(i).class()))
        .map(|(i, class)| format!(".k{class}{{stroke:var(--s{i})}}.f{class},.t{class}{{fill:var(--s{i})}}"))
        .collect();
    format!(
        ":root{{color-scheme:light dark;{}}}@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}{series}",
        theme(|c| c.light),
        theme(|c| c.dark)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, of: fn(&Color) -> &'static str) -> [f64; 3] {
        let color = PALETTE.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name}"));
        [1, 3, 5].map(|i| f64::from(u8::from_str_radix(&of(color)[i..i + 2], 16).unwrap()) / 255.0)
    }

    /// Relative luminance and contrast as WCAG 2.2 has them.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |c: [f64; 3]| {
            let linear = c.map(|x| if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_contrast_is_computed_as_wcag_does() {
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
        let grey = [f64::from(0x76u8) / 255.0; 3];
        assert!((contrast(grey, [1.0; 3]) - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_text_has_the_contrast_of_wcag_aa_in_both_themes() {
        for of in [(|c: &Color| c.light) as fn(&Color) -> &'static str, |c| c.dark] {
            let texts = ["text", "muted", "link", "bad", "s0", "s1", "s2", "s3", "s4", "s5"];
            let mut pairs: Vec<(&str, &str)> =
                ["page", "panel"].iter().flat_map(|ground| texts.map(|text| (text, *ground))).collect();
            pairs.extend([
                ("on-measured", "measured"),
                ("on-software", "software"),
                ("on-suspect", "suspect"),
                ("text", "none"),
                ("bad", "none"),
            ]);
            for (text, ground) in pairs {
                let ratio = contrast(value(text, of), value(ground, of));
                assert!(ratio >= 4.5, "{text} on {ground} ({}): {ratio:.2}", value_name(text, of));
            }
        }
    }

    fn value_name(name: &str, of: fn(&Color) -> &'static str) -> &'static str {
        PALETTE.iter().find(|c| c.name == name).map_or("", of)
    }
}
