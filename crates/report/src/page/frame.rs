//! What is around the content of every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style of every page: light and dark, for narrow screens and for print.
pub const STYLE: &str = include_str!("style.css");

/// The whole page around its content.
pub(super) fn page(title: &str, content: &Markup) -> String {
    whole(title, [STYLE, include_str!("zoom.js")], content)
}

/// A page that needs nothing beside itself, with its style and its script.
pub fn whole(title: &str, [style, script]: [&str; 2], content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Taper" }
                link rel="icon" href="data:,";
                style { (PreEscaped(style)) }
            }
            body {
                main { (content) }
                script { (PreEscaped(script)) }
            }
        }
    };
    page.into_string()
}
