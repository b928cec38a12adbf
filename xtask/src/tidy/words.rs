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
    row("behaviour", "behavior"),
    row("cancelled", "canceled"),
    row("cancelling", "canceling"),
    row("catalogue", "catalog"),
    row("categoris", "categoriz"),
    row("centre", "center"),
    row("centring", "centering"),
    row("characteris", "characteriz"),
    row("colour", "color"),
    row("discretis", "discretiz"),
    row("equalis", "equaliz"),
    row("favour", "favor"),
    row("fibre", "fiber"),
    row("generalis", "generaliz"),
    row("grey", "gray"),
    row("honour", "honor"),
    row("initialis", "initializ"),
    row("judgement", "judgment"),
    row("labelled", "labeled"),
    row("labelling", "labeling"),
    row("licence", "license"),
    row("linearis", "lineariz"),
    row("maximis", "maximiz"),
    row("metre", "meter"),
    row("minimis", "minimiz"),
    row("modelled", "modeled"),
    row("modelling", "modeling"),
    row("neighbour", "neighbor"),
    row("normalis", "normaliz"),
    row("optimis", "optimiz"),
    row("organis", "organiz"),
    row("parallelis", "paralleliz"),
    row("penalis", "penaliz"),
    row("programme", "program"),
    row("quantis", "quantiz"),
    row("rasteris", "rasteriz"),
    row("recognis", "recogniz"),
    row("regularis", "regulariz"),
    row("serialis", "serializ"),
    row("standardis", "standardiz"),
    row("summaris", "summariz"),
    row("synchronis", "synchroniz"),
    row("travelled", "traveled"),
    row("visualis", "visualiz"),
];

/// Words in which a stem of `SPELLINGS` is no other spelling.
pub const AMERICAN: [&str; 4] = ["analyses", "programmed", "programmer", "programmers"];
