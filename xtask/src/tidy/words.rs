//! Words that are spelled in two ways.

/// A stem in both.
#[derive(Debug)]
pub struct Spelling {
    /// As it is not written here.
    pub british: &'static str,
    /// As it is.
    pub american: &'static str,
}

/// A row of `SPELLINGS`.
const fn row(british: &'static str, american: &'static str) -> Spelling {
    Spelling { british, american }
}

/// What is looked for in every word. A stem in -is counts where -e, -a or -i follows.
pub const SPELLINGS: [Spelling; 46] = [
    row("analyse", "analyze"),
    row("artefact", "artifact"),
    row("behavior", "behavior"),
    row("canceled", "canceled"),
    row("cancelling", "canceling"),
    row("catalogue", "catalog"),
    row("categoris", "categoriz"),
    row("center", "center"),
    row("centering", "centering"),
    row("characteris", "characteriz"),
    row("color", "color"),
    row("discretis", "discretiz"),
    row("equalis", "equaliz"),
    row("favor", "favor"),
    row("fibre", "fiber"),
    row("generaliz", "generaliz"),
    row("gray", "gray"),
    row("honour", "honor"),
    row("initializ", "initializ"),
    row("judgement", "judgment"),
    row("labeled", "labeled"),
    row("labelling", "labeling"),
    row("license", "license"),
    row("linearis", "lineariz"),
    row("maximiz", "maximiz"),
    row("metre", "meter"),
    row("minimiz", "minimiz"),
    row("modelled", "modeled"),
    row("modelling", "modeling"),
    row("neighbor", "neighbor"),
    row("normaliz", "normaliz"),
    row("optimiz", "optimiz"),
    row("organiz", "organiz"),
    row("parallelis", "paralleliz"),
    row("penaliz", "penaliz"),
    row("programme", "program"),
    row("quantiz", "quantiz"),
    row("rasteriz", "rasteriz"),
    row("recogniz", "recogniz"),
    row("regulariz", "regulariz"),
    row("serializ", "serializ"),
    row("standardiz", "standardiz"),
    row("summariz", "summariz"),
    row("synchronis", "synchroniz"),
    row("travelled", "traveled"),
    row("visualiz", "visualiz"),
];

/// Words in which a stem of `SPELLINGS` is no other spelling.
pub const AMERICAN: [&str; 4] = ["analyses", "programmed", "programmer", "programmers"];
