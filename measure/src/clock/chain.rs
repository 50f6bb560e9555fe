//! Lower convex hulls: the constraints of one side that a straight line can touch.
//!
//! The chain is that of Andrew, "Another Efficient Algorithm for Convex Hulls in Two Dimensions", Information
//! Processing Letters 9(5), 1979. Of stamps up to 2⁶¹, bounds are up to 2⁶², a rise is up to 2⁶³, and its
//! product with the way from a stamp to any instant of 64 bits less than 2¹²⁷.

use std::cmp::Ordering;

use super::constraints::Point;
use super::interval::{ceil_div, floor_div};

/// A line through a point, of slope `rise / run`, with a positive `run`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    through: Point,
    rise: i128,
    run: i128,
}

impl Line {
    /// Through two points in order of their instants, which differ.
    pub(super) fn joining(one: Point, other: Point) -> Self {
        let rise = i128::from(other.bound) - i128::from(one.bound);
        Self { through: one, rise, run: i128::from(other.at) - i128::from(one.at) }
    }

    pub(super) fn floor_at(&self, y: i64) -> i128 {
        i128::from(self.through.bound) + floor_div(self.rise * self.beyond(y), self.run)
    }

    pub(super) fn ceil_at(&self, y: i64) -> i128 {
        i128::from(self.through.bound) + ceil_div(self.rise * self.beyond(y), self.run)
    }

    /// Which of two lines is the steeper one.
    pub(super) fn cmp_slope(&self, other: &Self) -> Ordering {
        (self.rise * other.run).cmp(&(other.rise * self.run))
    }

    /// The slope as a multiple of `1 / unit`, rounded down.
    pub(super) fn floor_slope(&self, unit: i128) -> i128 {
        floor_div(self.rise * unit, self.run)
    }

    /// The slope as a multiple of `1 / unit`, rounded up.
    pub(super) fn ceil_slope(&self, unit: i128) -> i128 {
        ceil_div(self.rise * unit, self.run)
    }

    fn beyond(&self, y: i64) -> i128 {
        i128::from(y) - i128::from(self.through.at)
    }
}

/// The vertices of the lower convex hull of points, in order of instants. No three are on one line.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    vertices: Vec<Point>,
}

impl Chain {
    /// Under points that are sorted.
    pub(super) fn under(points: &[Point]) -> Self {
        let mut vertices: Vec<Point> = Vec::new();
        for &point in points {
            // Sorted, the lowest of an instant comes first.
            if vertices.last().is_some_and(|last| last.at == point.at) {
                continue;
            }
            while let [.., before, last] = vertices.as_slice() {
                if Line::joining(*before, *last).cmp_slope(&Line::joining(*last, point)) == Ordering::Less {
                    break;
                }
                vertices.pop();
            }
            vertices.push(point);
        }
        Self { vertices }
    }

    pub(super) fn vertices(&self) -> &[Point] {
        &self.vertices
    }

    /// The same with time running the other way.
    pub(super) fn mirrored(&self) -> Self {
        let mirrored = |point: &Point| Point { at: -point.at, bound: point.bound };
        Self { vertices: self.vertices.iter().rev().map(mirrored).collect() }
    }

    /// The hull at `y`, rounded down; none outside it.
    pub(super) fn floor_at(&self, y: i64) -> Option<i128> {
        self.at(y, Line::floor_at)
    }

    /// The hull at `y`, rounded up; none outside it.
    pub(super) fn ceil_at(&self, y: i64) -> Option<i128> {
        self.at(y, Line::ceil_at)
    }

    fn at(&self, y: i64, value: fn(&Line, i64) -> i128) -> Option<i128> {
        let after = self.vertices.partition_point(|vertex| vertex.at <= y);
        let before = self.vertices.get(after.checked_sub(1)?)?;
        if before.at == y {
            return Some(before.bound.into());
        }
        Some(value(&Line::joining(*before, *self.vertices.get(after)?), y))
    }
}
