//! The values of flags that name one of a few things of a recipe, each with a line of help.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use taper_trainer::evaluate::views::Mean;
use taper_trainer::recipe::{Balance, HeadKind, Plan, PrecisionRecipe, Preset};

/// A choice: what it is called, what it is, and what is said of it.
type Choice<T> = (&'static str, T, &'static str);

const PLANS: [Choice<Plan>; 4] = [
    ("probe", Plan::Probe, "The head alone, for all epochs"),
    ("top", Plan::Top, "The head first, then with it the last stage of the backbone"),
    ("full", Plan::Full, "The head first, then all layers above `optimize.frozen_stages`"),
    (
        "gradual",
        Plan::Gradual,
        "The head first, then one stage more at a time from the top to `optimize.frozen_stages`, the epochs shared out among them; the \
         optimizer keeps what it remembers (J. Howard, S. Ruder, *Universal Language Model Fine-tuning*, 2018)",
    ),
];

const PRESETS: [Choice<Preset>; 3] = [
    ("quick", Preset::Quick, "The head alone, on four variants of each picture that the network sees once: seconds"),
    ("default", Preset::Default, "All layers above the first stage"),
    ("thorough", Preset::Thorough, "The same for twice as many epochs, and the average of the weights"),
];

const BALANCES: [Choice<Balance>; 3] = [
    ("none", Balance::None, "Nothing: the network learns how often each class is"),
    (
        "weights",
        Balance::Weights,
        "The loss of a picture counts by *N*/(*C n*), for *n* of *N* pictures in its class of *C*; `class_weight=\"balanced\"` in \
         scikit-learn. The mean over all pictures is 1",
    ),
    (
        "sampling",
        Balance::Sampling,
        "An epoch, as long as any, has as many pictures of each class: [`balanced`](taper_data::LoaderConfig::balanced)",
    ),
];

const HEADS: [Choice<HeadKind>; 3] = [
    (
        "concat_pool",
        HeadKind::ConcatPool,
        "Average and maximum of each channel, batch norm, dropout, a hidden layer, batch norm, dropout, classes: fastai's",
    ),
    ("mlp", HeadKind::Mlp, "Average of each channel, a hidden layer, dropout, classes"),
    (
        "own",
        HeadKind::Own,
        "The one that the network was trained with, with its own settings: `hidden` and `dropout` say nothing",
    ),
];

const PRECISIONS: [Choice<PrecisionRecipe>; 2] = [
    ("f32", PrecisionRecipe::F32, "float32"),
    ("bf16", PrecisionRecipe::Bf16, "bfloat16, summed in float32; weights stay float32. Needs AVX512-BF16"),
];

const MEANS: [Choice<Mean>; 2] = [
    ("probabilities", Mean::Probabilities, "The mean of the probabilities"),
    ("logits", Mean::Logits, "The softmax of the mean of the logits, a geometric mean of the probabilities"),
];

/// A plan, as `wanted` makes it of the choice, or what is called `auto`.
pub(crate) fn plan<T: Clone + Send + Sync + 'static>(
    auto: (T, &'static str),
    wanted: fn(Plan) -> T,
) -> impl TypedValueParser<Value = T> {
    let plans = PLANS.into_iter().map(|(name, plan, help)| (name, wanted(plan), help));
    one_of([("auto", auto.0, auto.1)].into_iter().chain(plans).collect())
}

/// How long a run may take.
pub(crate) fn preset() -> impl TypedValueParser<Value = Preset> {
    one_of(PRESETS.to_vec())
}

/// What is done about classes of different sizes.
pub(crate) fn balance() -> impl TypedValueParser<Value = Balance> {
    one_of(BALANCES.to_vec())
}

/// What a head is made of.
pub(crate) fn head() -> impl TypedValueParser<Value = HeadKind> {
    one_of(HEADS.to_vec())
}

/// What convolutions are computed in.
pub(crate) fn precision() -> impl TypedValueParser<Value = PrecisionRecipe> {
    one_of(PRECISIONS.to_vec())
}

/// How several answers become one.
pub(crate) fn mean() -> impl TypedValueParser<Value = Mean> {
    one_of(MEANS.to_vec())
}

fn one_of<T: Clone + Send + Sync + 'static>(choices: Vec<Choice<T>>) -> impl TypedValueParser<Value = T> {
    let values = choices.iter().map(|(name, _, help)| PossibleValue::new(*name).help(*help)).collect::<Vec<_>>();
    PossibleValuesParser::new(values).try_map(move |wanted| {
        let found = choices.iter().find(|(name, ..)| *name == wanted);
        found.map(|(_, value, _)| value.clone()).ok_or("no such choice")
    })
}
