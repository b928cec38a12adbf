//! The page of a server.

use maud::html;

use taper_report::page::whole;
use taper_trainer::build::model::ModelCard;

/// A page to drop a picture on.
pub(super) fn page(name: &str, card: &ModelCard) -> String {
    let content = html! {
        p.mark { span.wedge aria-hidden="true" {} "Taper" }
        h1 { (name) }
        p.note {
            (card.model) ", " (card.classes.len()) " classes"
            @if card.classes.len() <= 20 { ": " (card.classes.join(", ")) }
        }
        label.drop for="file" {
            input type="file" id="file" accept="image/*";
            span { "Drop a picture here, paste one, or choose a file" }
        }
        p.error role="alert" hidden {}
        section.answer hidden aria-live="polite" {
            div.pictures {
                figure { img.seen alt="The picture"; figcaption { "the picture" } }
                figure { img.heat alt="What speaks for the first class"; figcaption { "what speaks for the first class (Grad-CAM)" } }
            }
            ol.classes {}
        }
        details {
            summary { "For programs" }
            pre { code { "curl --data-binary @picture.jpg 'http://HOST/predict?top=5&explain=true'" } }
        }
    };
    whole(name, [include_str!("page.css"), include_str!("page.js")], &content)
}
