//! A topic as a page, and the index of all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use taper_report::page::{STYLE, whole};

use crate::claim::{Check, Claim, Figure, Picture, Slides, Table};
use crate::setting::Setting;
use crate::slides::{FIRST, LAST, NOTHING, SLIDES};
use crate::topic::Topic;

/// What came of a slide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every number is as the lecture says.
    Shown,
    /// What is not, with its number.
    Otherwise(String),
    /// Why there is nothing to show.
    Nothing(&'static str),
    /// Its topic was not asked for.
    NotRun,
}

/// What came of a slide, by the claims of the topics that ran.
pub fn verdict(slide: u8, claims: &[Claim]) -> Verdict {
    if let Some((_, why)) = NOTHING.iter().find(|(nothing, _)| *nothing == slide) {
        return Verdict::Nothing(why);
    }
    let own: Vec<&Claim> = claims.iter().filter(|claim| claim.slides.has(slide)).collect();
    if own.is_empty() {
        return Verdict::NotRun;
    }
    let checks = || own.iter().flat_map(|claim| &claim.checks);
    match checks().find(|check| !check.holds()) {
        Some(check) => Verdict::Otherwise(check.deviation()),
        None if checks().next().is_none() => Verdict::Nothing(own[0].nothing),
        None => Verdict::Shown,
    }
}

/// The page of a topic.
pub(crate) fn topic_page(topic: &Topic, claims: &[Claim], setting: &Setting) -> String {
    let content = html! {
        (mark(html! { a href="index.html" { "Gallery" } }))
        h1 { (topic.title) }
        p.lead { @if topic.is_single() { "Slide " } @else { "Slides " } (topic.numbers()) " of the lecture. Everything here was computed by the commands below." }
        @for claim in claims { (section(topic, claim, setting)) }
    };
    page(topic.title, &content)
}

fn section(topic: &Topic, claim: &Claim, setting: &Setting) -> Markup {
    let own = format!("taper gallery {}{} --out gallery", topic.only(), setting.flags());
    let Slides(low, high) = claim.slides;
    html! {
        section.claim id={ "slide-" (low) } {
            h2 { (claim.title) " " span.note { @if low == high { "slide " (low) } @else { "slides " (low) "–" (high) } } }
            p.lead { (claim.text) }
            div.drawings { @for drawn in &claim.figures { (figure(drawn, claim.title)) } }
            @for numbers in &claim.tables { (table(numbers)) }
            @if !claim.checks.is_empty() { (checks(&claim.checks)) }
            pre.card.command { code { @if !claim.command.is_empty() { (claim.command) "\n" } (own) } }
        }
    }
}

fn figure(figure: &Figure, title: &str) -> Markup {
    let caption = &figure.caption;
    html! {
        figure.card.drawing.wide[figure.wide] {
            @match &figure.picture {
                Picture::Svg(svg) => div.sheet tabindex="0" { (PreEscaped(svg)) },
                Picture::Png(png) => {
                    @let words = if caption.is_empty() { title } else { caption };
                    img alt=(words) src={ "data:image/png;base64," (STANDARD.encode(png)) };
                }
            }
            @if !caption.is_empty() { figcaption.note { (caption) } }
        }
    }
}

fn table(numbers: &Table) -> Markup {
    html! {
        div.card.scroll tabindex="0" {
            table.epochs.numbers {
                thead { tr { @for name in &numbers.columns { th scope="col" { (name) } } } }
                tbody { @for row in &numbers.rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

fn checks(checks: &[Check]) -> Markup {
    html! {
        ul.card.checks {
            @for check in checks {
                li {
                    span.verdict.shown[check.holds()].otherwise[!check.holds()] {
                        @if check.holds() { "as the lecture says" } @else { "otherwise" }
                    }
                    span {
                        (check.what) ": " strong { (check.outcome()) } ", expected " (check.expectation())
                        @if !check.holds() && !check.otherwise.is_empty() { ". Why: " (check.otherwise) }
                    }
                }
            }
        }
    }
}

/// The index: every slide, what came of it, and where.
pub fn index_page(topics: &[Topic], claims: &[Claim], setting: &Setting, only: Option<Slides>) -> String {
    let verdicts: Vec<(u8, Verdict)> = (FIRST..=LAST).map(|slide| (slide, verdict(slide, claims))).collect();
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| wanted(verdict)).count();
    let only = only.map_or_else(String::new, |Slides(low, high)| format!(" --only {low}-{high}"));
    let content = html! {
        (mark(html! { "Gallery" }))
        h1 { "The lecture, run" }
        p.lead {
            "Every claim of CS231n's lecture 7 of 2017, Training Neural Networks, part 2, beside what a run of this "
            "binary gives. The words are ours; no picture is drawn by hand. Whether a slide is shown follows from the "
            "numbers of the run."
        }
        dl.figures {
            (counted("shown", count(|verdict| *verdict == Verdict::Shown)))
            (counted("shown otherwise", count(|verdict| matches!(verdict, Verdict::Otherwise(_)))))
            (counted("nothing to show", count(|verdict| matches!(verdict, Verdict::Nothing(_)))))
            @if count(|verdict| *verdict == Verdict::NotRun) > 0 {
                (counted("not run", count(|verdict| *verdict == Verdict::NotRun)))
            }
        }
        section {
            pre.card.command { code { "taper gallery" (only) (setting.flags()) " --out gallery" } }
            ol.slides.card {
                @for (slide, verdict) in &verdicts { (slide_row(*slide, verdict, topics)) }
            }
            p.note { "How long each topic took is in " a href="seconds.html" { "seconds.html" } ", the one file that differs from run to run." }
        }
    };
    page("Gallery", &content)
}

fn counted(name: &str, count: usize) -> Markup {
    html! { div { dt { (name) } dd { strong { (count) } } } }
}

fn slide_row(slide: u8, verdict: &Verdict, topics: &[Topic]) -> Markup {
    let words = SLIDES[usize::from(slide - FIRST)];
    let topic = topics.iter().find(|topic| topic.has(slide));
    let (class, said) = match verdict {
        Verdict::Shown => ("shown", "shown".to_owned()),
        Verdict::Otherwise(why) => ("otherwise", format!("shown otherwise: {why}")),
        Verdict::Nothing(why) => ("nothing", format!("nothing to show: {why}")),
        Verdict::NotRun => ("nothing", "not run".to_owned()),
    };
    html! {
        li id={ "slide-" (slide) } {
            span.number { (slide) }
            span.words {
                @match (topic, verdict) {
                    (Some(topic), Verdict::Shown | Verdict::Otherwise(_) | Verdict::Nothing(_)) => a href={ (topic.name) ".html" } { (words) },
                    _ => (words),
                }
            }
            span.verdict.(class) { (said) }
        }
    }
}

/// The page of times: what each topic took, and what was measured in seconds.
pub(crate) fn seconds_page(times: &[(&str, f64)], timed: &[Claim], setting: &Setting) -> String {
    let mut table_of = Table::of(["topic", "seconds"]);
    for (topic, seconds) in times {
        table_of.rows.push(vec![(*topic).to_owned(), format!("{seconds:.1}")]);
    }
    table_of.rows.push(vec!["together".to_owned(), format!("{:.1}", times.iter().map(|time| time.1).sum::<f64>())]);
    let content = html! {
        (mark(html! { a href="index.html" { "Gallery" } }))
        h1 { "Seconds" }
        p.lead { "Times differ from run to run and from machine to machine; no other file of the gallery holds any." }
        @for claim in timed {
            section.claim {
                h2 { (claim.title) }
                p.lead { (claim.text) }
                div.drawings { @for drawn in &claim.figures { (figure(drawn, claim.title)) } }
                @for numbers in &claim.tables { (table(numbers)) }
                @if !claim.checks.is_empty() { (checks(&claim.checks)) }
            }
        }
        section { h2 { "Topics" } (table(&table_of)) }
        pre.card.command { code { "taper gallery" (setting.flags()) " --out gallery" } }
    };
    page("Seconds", &content)
}

fn mark(where_: Markup) -> Markup {
    html! { p.mark { span.wedge {} "Taper" span.note { (where_) } } }
}

fn page(title: &str, content: &Markup) -> String {
    whole(title, [&format!("{STYLE}{}", include_str!("gallery.css")), ""], content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_of_a_slide_follows_from_its_claims() {
        let claim = |low, high, measured| {
            Claim::new(Slides(low, high), "t", "x").expects(Check::at_least("a number", measured, 1.0).or("because"))
        };
        let claims = [claim(14, 15, 2.0), claim(15, 16, 0.5), Claim::new(Slides(95, 95), "t", "x")];
        assert_eq!(verdict(14, &claims), Verdict::Shown);
        let why = "a number was 0.500, expected at least 1: because".to_owned();
        assert_eq!(verdict(15, &claims), Verdict::Otherwise(why));
        assert_eq!(verdict(17, &claims), Verdict::NotRun);
        assert_eq!(verdict(13, &claims), Verdict::Nothing("contents of the lecture"));
        assert_eq!(verdict(95, &claims), Verdict::Nothing("nothing was measured"));
    }

    #[test]
    fn the_index_lists_every_slide_once() {
        let index = index_page(&[], &[], &Setting::default(), None);
        for slide in FIRST..=LAST {
            assert_eq!(index.matches(&format!("id=\"slide-{slide}\"")).count(), 1, "{slide}");
        }
    }
}
