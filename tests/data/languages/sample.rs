//! A crate.

use std::fmt;

/// How many.
pub const LIMIT: usize = 3;

/// A point.
#[derive(
    Debug,
    Clone,
)]
pub struct Point<T> {
    x: T,
}

enum Shape {
    Dot,
}

pub trait Area {
    fn area(&self) -> f64;
    fn name(&self) -> String {
        String::new()
    }
}

impl<T: Clone> Point<T> {
    pub const ZERO: i32 = 0;

    /// Makes one.
    #[inline]
    pub fn new(x: T) -> Self {
        Point { x }
    }
}

impl<'a> fmt::Display for crate::geometry::Point<&'a str> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }
}

macro_rules! square {
    ($x:expr) => { $x * $x };
}

mod inner {
    pub fn helper() {}
}
