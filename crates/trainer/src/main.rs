//! taper
fn main(){}
