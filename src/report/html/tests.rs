//! Claims about the page, on records of scripted devices and forecasts of the catalogue.

use super::fixture::others;
use super::{Report, Shown, page};
use crate::calibrate::Calibration;
use crate::calibrate::roofline::{Bandwidth, Peak, Placed, Roofline, SCHEMA, Trusted};
use crate::kernel::{Family, Kernel, Precision};
use crate::measure::compare::Outcome;
use crate::measure::effort::Effort;
use crate::measure::record::{Interval, Record, Verdict};
use crate::measure::row::Row;
use crate::measure::scripted::{Script, ScriptedExecutor};
use crate::measure::suite::Request;
use crate::measure::sweep;
use crate::project::scaling::{Mode, Range, scaling};
use crate::project::what_if::what_if;
use crate::project::{Catalog, Options, run};
use crate::report::measurement::{range, significant};
use crate::report::number::{bare, cell};
use crate::report::projection::ORDER;
use std::sync::LazyLock;

/// A name that would break out of text, of an attribute, of a path and of a script, and turns what follows.
const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}]]>--><svg onload=x>";

fn records(script: Script) -> Vec<Record> {
    let families = [Family::Naive, Family::RegisterTiled];
    let requests: Vec<Request> = families
        .iter()
        .flat_map(|family| {
            ["64x48x50", "32x32x32"].map(|shape| {
                let kernel = Kernel::compose(*family, family.tilings()[0], Precision::F32).unwrap();
                Request::plain(kernel, shape.parse().unwrap())
            })
        })
        .collect();
    let mut executor = ScriptedExecutor::new(script);
    sweep(&mut executor, &requests, &Effort::quick(), &mut |_, _| {}, &|| false, &mut |_| Ok(())).unwrap()
}

fn trusted(x: f64, verdict: Verdict) -> Trusted {
    Trusted { value: Interval { median: x, lo: 0.9 * x, hi: 1.1 * x }, verdict }
}

fn roofline(record: &Record) -> Roofline {
    let sound = if record.adapter.software { Verdict::Software } else { Verdict::Measured };
    let memory = |kind: &str, working_set, cold, x| Bandwidth {
        kind: kind.into(),
        working_set,
        cold,
        bytes_per_s: trusted(x, sound),
    };
    Roofline {
        schema: SCHEMA.into(),
        adapter: record.adapter.clone(),
        at: record.at.clone(),
        arithmetic: vec![Peak {
            precision: Precision::F32,
            matrix: false,
            chains: 8,
            flop_per_s: trusted(1e11, sound),
            most: None,
        }],
        memory: vec![memory("read", 1 << 16, false, 6e10), memory("read", 1 << 28, true, 1e10)],
        levels: vec![],
        last_cache: None,
        workgroup: None,
        launch_s: None,
        submission_s: Some(1e-5),
        transfers: vec![],
        missing: vec![],
        products: vec![Placed {
            case: record.case.id(),
            intensity: 7.0,
            flop_per_s: trusted(3e10, Verdict::Suspect),
            bound: 7e10,
            fraction: 3.0 / 7.0,
        }],
    }
}

/// One of each kind, from a device that is called as it likes.
fn report(name: &str, software: bool) -> Report {
    let mut records = records(Script::honest());
    for record in &mut records {
        record.adapter.name = name.into();
        record.adapter.software = software;
        *record = crate::measure::replay(record);
    }
    let catalog = Catalog::built_in().unwrap();
    let options = Options::default();
    let calibration = Calibration::from_records(&records, name).unwrap();
    let mut projection = run(&catalog, "xai-12k-h100-redirected", Some(&calibration), &options).unwrap();
    projection.title = format!("{} {name}", projection.title);
    let range = |mode| Range { mode, from: 1 << 12, to: 1 << 17, critical_batch: None };
    let curve = |mode| scaling(&catalog, "xai-12k-h100-redirected", range(mode)).unwrap();
    let changes = ["nic=2x".parse().unwrap(), "failures=0.5x".parse().unwrap()];
    let examined = format!(
        "{{\"at\":\"{0}\",\"adapter\":{1},\"grade\":\"warn\",\"checks\":[{{\"check\":\"clock\",\"grade\":\"ok\",\"code\":null,\"detail\":\"fine\"}}]}}",
        "2026-01-01T00:00:00Z",
        serde_json::to_string(&records[0].adapter).unwrap()
    );
    let shown = |file: &str| file.to_string();
    let measured = vec![Shown { file: shown(name), is: records.clone() }];
    Report {
        measured,
        title: format!("Report of {name}"),
        at: "2026-01-01T00:00:00Z".into(),
        command: format!("flopcast report {name}"),
        rooflines: vec![Shown { file: shown(name), is: roofline(&records[0]) }],
        calibrations: vec![Shown { file: shown("c.json"), is: calibration }],
        projections: vec![Shown { file: shown("p.json"), is: projection }],
        what_ifs: vec![Shown {
            file: shown("w.json"),
            is: what_if(&catalog, "xai-12k-h100-redirected", None, &options, &changes).unwrap(),
        }],
        scalings: [Mode::Strong, Mode::Weak].map(|mode| Shown { file: shown("s.json"), is: curve(mode) }).into(),
        examined: vec![Shown { file: shown("d.json"), is: serde_json::from_str(&examined).unwrap() }],
        ..others(name, software, &catalog)
    }
}

static PLAIN: LazyLock<(Report, String)> = LazyLock::new(|| {
    let report = report("Scripted one", false);
    let html = page(&report).unwrap();
    (report, html)
});

/// The text of an element's content, as a reader sees it.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Prose as it is seen: what stands between backticks is set as code.
fn unticked(prose: &str) -> String {
    prose.replace('`', "")
}

#[test]
fn every_kind_of_result_has_its_section_and_its_figures() {
    let (report, html) = &*PLAIN;
    let seen = text(html);
    for id in [
        "tuning",
        "portability",
        "trial",
        "gate",
        "smoke",
        "doctor",
        "calibration-0",
        "forecast",
        "comparison",
        "scaling",
        "what-if",
        "search",
        "explained",
        "validation",
        "limits",
        "provenance",
    ] {
        assert!(html.contains(&format!("<h2 id=\"{id}\"")) && html.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    let (trial, gate) = (&report.trials[0].is, &report.gates[0].is);
    assert!(
        seen.contains(&format!("{:.4}", trial.verdict.ratio.unwrap())) && seen.contains(trial.verdict.call.as_str())
    );
    assert!(gate.cases.iter().any(|c| c.outcome == Outcome::Regressed), "{gate:?}");
    for case in &gate.cases {
        assert!(seen.contains(&unticked(&case.detail)) && seen.contains(case.outcome.as_str()), "{case:?}");
    }
    for relative in &report.smokes[0].is.relative {
        assert!(seen.contains(&format!("{:.3}", relative.slowdown.unwrap())), "{relative:?}");
    }
    for cost in &report.portability[0].is.costs {
        let lack = || cost.missing.clone().expect("a ratio, or why there is none").into_owned();
        let figure = cost.ratio.map_or_else(lack, |r| format!("{r:.3}"));
        assert!(seen.contains(&figure), "{cost:?}");
    }
    let tuned = report.tunings[0].is.measured.gflop_per_s.unwrap();
    assert!(seen.contains(&format!("{} GFLOP/s", significant(tuned.median))) && seen.contains(&range(tuned)));
    let search = &report.searches[0].is;
    for layout in search.pareto.iter().map(|c| c.layout).chain([search.best.layout, search.robust.choice.layout]) {
        assert!(seen.contains(&layout.to_string()), "{layout}");
    }
    for row in &report.comparisons[0].is.rows {
        let p = row.projection.as_ref().unwrap();
        let days = &p.quantities["run_days"];
        assert!(seen.contains(&cell("run_days", &days.unit, days.value)) && seen.contains(&row.scenario), "{row:?}");
    }
    let tree = &report.explanations[0].is.tree;
    for name in tree.inputs() {
        assert!(seen.contains(&name), "{name}");
    }
    let validation = &report.validations[0].is;
    for row in validation.rows.iter().flatten() {
        assert!(seen.contains(&row.id), "{row:?}");
    }
    assert!(validation.figures.by.values().flatten().all(|(_, s)| seen.contains(&s.n.to_string())));
    // The widest first, with the days at both ends of the input.
    let s = &report.projections[0].is.sensitivities[0];
    for end in s.run_days.unwrap() {
        assert!(seen.contains(&bare("run_days", end)), "{s:?}");
    }
}

#[test]
fn every_measured_and_every_forecast_figure_is_on_the_page_with_its_verdict_or_tier() {
    let (report, html) = &*PLAIN;
    let seen = text(html);
    for row in report.measured[0].is.iter().map(Row::from) {
        let rate = row.gflop_per_s.expect("an honest device has figures");
        for part in [significant(rate.median), range(rate), row.verdict.as_str().to_string(), row.kernel.clone()] {
            assert!(seen.contains(&part), "{part}");
        }
        for reason in &row.reasons {
            assert!(seen.contains(&unticked(&reason.detail)), "{reason:?}");
        }
    }
    let p = &report.projections[0].is;
    for (name, title) in ORDER {
        let Some(q) = p.quantities.get(name) else { continue };
        assert!(seen.contains(title), "{title}");
        for value in [q.value, q.p5, q.p95] {
            assert!(seen.contains(&cell(name, &q.unit, value)), "{name} {value}");
        }
        assert!(seen.contains(q.tier.as_str()));
    }
    for s in &p.sources {
        assert!(seen.contains(&s.locator), "{}", s.locator);
    }
    for warning in &p.warnings {
        assert!(seen.contains(&unticked(warning)), "{warning}");
    }
    for t in &report.scalings[0].is.takeovers {
        assert!(seen.contains(&format!("{} from {} on", t.bound, t.from)), "{t:?}");
    }
}

#[test]
fn nothing_on_the_page_points_outside_or_runs() {
    let (_, html) = &*PLAIN;
    for forbidden in ["src=", "<script", "<link", "<img", "<iframe", "@import", "url(", "javascript:", "style=\""] {
        let tags: String =
            html.split('<').filter_map(|part| part.split_once('>')).map(|(tag, _)| format!("<{tag}>")).collect();
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        assert!(!tags.contains(forbidden), "{forbidden}");
        assert!(!style.contains(forbidden), "{forbidden}");
        let named =
            |tag: &str| tag.split(' ').filter_map(|part| part.split_once('=')).any(|(name, _)| name.starts_with("on"));
        assert!(!tags.split('<').any(named), "an event handler");
    }
    for href in html.split("href=\"").skip(1) {
        assert!(href.starts_with('#'), "{}", &href[..40]);
        let id = &href[1..href.find('"').unwrap()];
        assert!(html.contains(&format!("id=\"{id}\"")), "#{id} is nowhere");
    }
    // The policy stands before anything that it is to hold for.
    assert!(html.find("Content-Security-Policy").unwrap() < html.find("<style").unwrap());
    assert!(html.contains("content=\"default-src 'none'; style-src 'sha256-"));
}

#[test]
fn every_id_is_there_once() {
    let (_, html) = &*PLAIN;
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn every_picture_is_well_formed_and_says_in_words_what_it_shows() {
    for html in [&PLAIN.1, &page(&report(HOSTILE, true)).unwrap()] {
        let mut pictures = 0;
        for svg in html.split("<svg ").skip(1).map(|rest| &rest[..rest.find("</svg>").unwrap()]) {
            let svg = format!("<svg {svg}</svg>");
            let mut reader = quick_xml::Reader::from_str(&svg);
            let mut names = Vec::new();
            loop {
                match reader.read_event().unwrap_or_else(|e| panic!("{e}: {svg}")) {
                    quick_xml::events::Event::Eof => break,
                    quick_xml::events::Event::Start(tag) => {
                        names.push(String::from_utf8(tag.name().0.to_vec()).unwrap())
                    }
                    _ => {}
                }
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            if !svg.contains("aria-hidden") {
                assert!(names.contains(&"title".into()) && names.contains(&"desc".into()), "{svg}");
                pictures += 1;
            }
        }
        // Every kind of plot, most of them in two widths.
        assert!(pictures >= 48, "{pictures}");
        let figures = html.matches("<figure").count();
        assert_eq!(html.matches("the figures as a table").count(), figures);
    }
}

#[test]
fn foreign_text_is_shown_and_does_nothing() {
    let html = page(&report(HOSTILE, true)).unwrap();
    assert!(!html.contains("<script") && !html.contains("<svg onload") && !html.contains('\u{202e}'));
    assert!(!html.contains("\"'&<") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;"));
    assert!(text(&html).contains("<script>alert(1)</script>\"'&"), "it can be read as it is");
    // Attributes hold none of it in the raw.
    for tag in html.split('<').filter_map(|part| part.split_once('>')).map(|(tag, _)| tag) {
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
    }
}

#[test]
fn software_is_said_in_a_banner_and_beside_every_figure_and_not_where_there_is_none() {
    let html = page(&report("llvmpipe", true)).unwrap();
    let banner = html.find("class=\"banner\"").expect("a banner");
    assert!(banner < html.find("<main").unwrap(), "above everything else");
    let badges = html.matches("v-software").count();
    assert!(badges > 20, "{badges}");
    assert!(!PLAIN.1.contains("class=\"banner\"") && !text(&PLAIN.1).contains("SOFTWARE"));
}

#[test]
fn what_is_wrong_is_a_row_with_the_reason_in_words() {
    use crate::measure::scripted::KernelFault;
    let records = records(Script { kernel: KernelFault::HalfGrid, ..Script::honest() });
    assert!(records.iter().all(|r| r.verdict == Verdict::Invalid));
    let measured = vec![Shown { file: "wrong.jsonl".into(), is: records.clone() }];
    let html = page(&Report { measured, ..Report::default() }).unwrap();
    assert!(html.contains("v-invalid") && html.contains("no verified rate"));
    for reason in records.iter().flat_map(|r| &r.reasons) {
        assert!(text(&html).contains(&unticked(&reason.detail)), "{reason:?}");
    }
}

#[test]
fn a_page_of_everything_is_below_a_mebibyte() {
    assert!(PLAIN.1.len() < 1 << 20, "{}", PLAIN.1.len());
}
