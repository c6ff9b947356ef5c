//! The report as a reader gets it: written by the binary, opened in a browser where there is one.
#![cfg(feature = "cli")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{flopcast, folder, run};

/// A forecast and its curve as files, and the folder that they are in.
fn results(name: &str) -> PathBuf {
    let folder = folder(name);
    let print = |args: &[&str], file: &str| {
        let ended = run(&mut flopcast(args));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        std::fs::write(folder.join(file), ended.stdout).unwrap();
    };
    print(&["project", "--scenario", "xai-12k-h100-redirected", "--format", "json"], "projection.json");
    print(&["scale", "--scenario", "xai-12k-h100-redirected", "--from", "4096", "--format", "json"], "scaling.json");
    folder
}

fn report(folder: &Path, files: &[&str]) -> Command {
    let mut command = flopcast(&["report", "--out", "report.html"]);
    command.args(files).current_dir(folder);
    command
}

#[test]
fn a_file_that_is_foreign_cut_or_missing_is_refused_and_the_report_of_before_stays() {
    let folder = results("report-refused");
    std::fs::write(folder.join("report.html"), "the one of before").unwrap();
    let whole = std::fs::read_to_string(folder.join("projection.json")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("cut.json", &whole[..whole.len() / 2]);
    write("foreign.json", "{\"schema\":\"elsewhere/1\"}");
    write("newer.json", &whole.replace("projection/1", "projection/9"));
    write("none.json", "{\"a\":1}");
    write("field.json", &whole.replace("\"step_parts\"", "\"step_pieces\""));
    write("behind.json", &format!("{whole}{whole}"));
    write("list.txt", "eggs\n");
    write("empty.jsonl", "");
    std::fs::create_dir_all(folder.join("nothing")).unwrap();
    for (file, part) in [
        ("cut.json", "cut off"),
        ("foreign.json", "schema `elsewhere/1`"),
        ("newer.json", "projection/9"),
        ("none.json", "no `schema`"),
        ("field.json", "step_pieces"),
        ("behind.json", "trailing"),
        ("list.txt", "no JSON"),
        ("empty.jsonl", "is empty"),
        ("missing.json", "No such file"),
        ("nothing", "none of measurements.jsonl"),
    ] {
        // A good file before it changes nothing.
        let ended = run(&mut report(&folder, &["projection.json", file]));
        ended.refused(2, part);
        assert!(ended.stderr.contains(file), "{ended:#?}");
        assert_eq!(std::fs::read_to_string(folder.join("report.html")).unwrap(), "the one of before");
        assert!(!folder.join("report.html.partial").exists());
    }
    run(flopcast(&["report", "projection.json", "--out", "no/such/folder/r.html"]).current_dir(&folder))
        .refused(2, "cannot be written");
}

#[test]
fn a_folder_stands_for_what_is_in_it_and_curves_are_made_for_a_forecast_of_the_catalogue() {
    let folder = results("report-folder");
    let ended = run(&mut report(&folder, &["."]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    for part in ["Strong scaling of", "Weak scaling of", "Goodput over accelerators", "Power over", "Cost over"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.len() < 1 << 20, "{}", html.len());
    // A forecast that the catalogue would not give is no point of the catalogue's curve.
    let text = std::fs::read_to_string(folder.join("projection.json")).unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let days = changed["quantities"]["run_days"]["value"].as_f64().unwrap();
    changed["quantities"]["run_days"]["value"] = (2.0 * days).into();
    std::fs::write(folder.join("projection.json"), changed.to_string()).unwrap();
    assert_eq!(run(&mut report(&folder, &["."])).code, Some(0));
    assert!(!std::fs::read_to_string(folder.join("report.html")).unwrap().contains("Strong scaling of"));
}

/// What a verb prints as JSON, in a file, whatever it found.
fn printed(folder: &Path, args: &str, file: &str) {
    let record = support::record().display().to_string();
    let words: Vec<String> = args.split(' ').map(|word| word.replace("RECORD", &record)).collect();
    let ended = run(flopcast(&[]).args(words).args(["--format", "json"]).current_dir(folder));
    assert!(ended.stdout.starts_with('{'), "{args}: {ended:#?}");
    std::fs::write(folder.join(file), ended.stdout).unwrap();
}

/// The report of one file has that section and no other of its kind.
fn shows(folder: &Path, file: &str, id: &str) {
    let ended = run(&mut report(folder, &[file]));
    assert_eq!(ended.code, Some(0), "{file}: {ended:#?}");
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    let sections: Vec<&str> = html.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(sections, [id, "limits", "provenance"], "{file}");
    assert!(html.contains(&format!("<code>{file}</code>")), "{file}");
}

#[test]
fn what_a_verb_prints_is_known_by_its_schema_and_has_a_section() {
    let folder = folder("report-kinds");
    for (args, id) in [
        ("search --accelerator a100 --count 16 --job llama-3-8b --batch 64 --common", "search"),
        ("explain goodput --scenario tesla-85k-h100", "explained"),
        ("project --scenario six-billion-dollars", "comparison"),
        ("validate", "validation"),
        ("validate --no-rows", "validation"),
        ("compare RECORD RECORD", "gate"),
    ] {
        printed(&folder, args, "printed.json");
        shows(&folder, "printed.json", id);
    }
    // A trial that was cut off before its proof has no ratio to be shown.
    std::fs::write(folder.join("trial.jsonl"), "{\"line\":\"head\",\"schema\":\"flopcast.ab/1\"}\n").unwrap();
    run(&mut report(&folder, &["trial.jsonl"])).refused(2, "trial.jsonl");
}

#[cfg(feature = "gpu")]
#[test]
fn what_a_verb_prints_of_an_adapter_is_known_by_its_schema_and_has_a_section() {
    support::on_adapter(|_| {
        let folder = folder("report-adapter");
        for (args, id) in [
            ("ab naive naive+zero_fill --shape 32x32x32 --time-budget 1s --out trial.jsonl", "trial"),
            ("tune --time-budget 2s --kernels naive --shapes 32x32x32 --no-cache", "tuning"),
            ("tune --best-shape --time-budget 4s --kernels register_direct --no-cache", "tuning"),
            ("measure --suite portability --shapes 32x32x32 --time-budget 3s", "portability"),
            ("doctor --no-cache", "doctor"),
        ] {
            printed(&folder, args, "printed.json");
            shows(&folder, "printed.json", id);
        }
        shows(&folder, "trial.jsonl", "trial");
    });
}

/// Chromium by any of its names.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// The page as the browser has it after reading, and what it said on its console. A profile is for one opening: a browser
/// that is not quite gone yet takes what the next one of its profile is asked for. The page is read out a second of
/// its own time after it was loaded, so that what it says is not still on its way (one complaint in some hundred openings was not heard before).
fn opened(browser: &Path, page: &Path, profile: &Path) -> (String, Vec<String>) {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        .arg("--virtual-time-budget=1000")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let console = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_string).collect();
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(page.contains("</html>"), "the page was read: {said}");
    (page, console)
}

#[test]
fn a_browser_opens_it_without_a_word_on_its_console_and_lets_nothing_in() {
    let Some(browser) = chromium() else {
        let required = std::env::var_os("FLOPCAST_REQUIRE_CHROMIUM").is_some_and(|v| v == "1");
        assert!(!required, "a Chromium is required");
        eprintln!("skipped: no Chromium on the path");
        return;
    };
    let folder = results("report-browser");
    let hostile = "<img src=x onerror=alert(1)>\"'&";
    let mut command = report(&folder, &["projection.json", "scaling.json"]);
    assert_eq!(run(command.args(["--title", hostile])).code, Some(0));
    let page = folder.join("report.html");
    let (dom, console) = opened(&browser, &page, &folder.join("profile"));
    assert_eq!(console, [""; 0]);
    assert!(dom.contains("&lt;img src=x onerror=alert(1)&gt;") && !dom.contains("<img"), "shown, and no element");
    assert!(dom.matches("</svg>").count() > 10 && dom.contains("id=\"provenance\""), "read to its end");
    // The same check sees what a page that let something in would say.
    let html = std::fs::read_to_string(&page).unwrap();
    let intruders = [
        "<script>document.title='x'</script>",
        "<img src=\"https://example.invalid/x\">",
        "<p style=\"color:red\">x</p>",
    ];
    for (at, intruder) in intruders.into_iter().enumerate() {
        let worse = folder.join("worse.html");
        std::fs::write(&worse, html.replace("</main>", &format!("{intruder}</main>"))).unwrap();
        let (_, console) = opened(&browser, &worse, &folder.join(format!("profile-{at}")));
        assert!(console.iter().any(|line| line.contains("Content Security Policy")), "{intruder}: {console:?}");
    }
}
