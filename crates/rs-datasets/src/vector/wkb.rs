//! Polygons in well-known binary (OGC 06-103r4), with the dimensions z and m passed over.
#![cfg_attr(
    not(feature = "geopackage"),
    allow(dead_code, reason = "only GeoPackages hold it")
)]

use super::Polygon;
use super::features::ring;

/// The polygons of a polygon, a multipolygon or a collection of them; `Err` says what is wrong.
pub(super) fn polygons(bytes: &[u8]) -> Result<Vec<Polygon>, String> {
    let mut rest = bytes;
    let mut polygons = Vec::new();
    geometry(&mut rest, &mut polygons, 0)?;
    Ok(polygons)
}

fn geometry(rest: &mut &[u8], polygons: &mut Vec<Polygon>, depth: usize) -> Result<(), String> {
    if depth > 8 {
        return Err("collections within collections".into());
    }
    let little = match take::<1>(rest)? {
        [0] => false,
        [1] => true,
        [other] => return Err(format!("byte order {other}")),
    };
    let code = number(rest, little)?;
    // ISO adds 1000 for z and 2000 for m; EWKB sets the highest bits.
    let (kind, extra) = match code & 0xffff {
        _ if code & 0x2000_0000 != 0 => return Err("a geometry with a system of its own".into()),
        kind @ 0..1000 => (
            kind,
            usize::from(code & 0x8000_0000 != 0) + usize::from(code & 0x4000_0000 != 0),
        ),
        kind => (kind % 1000, if kind / 1000 == 3 { 2 } else { 1 }),
    };
    let count = number(rest, little)?;
    match kind {
        3 => {
            let mut rings = Polygon::new();
            for _ in 0..count {
                let points = number(rest, little)? as usize;
                let size = 8 * (2 + extra);
                // Compared before anything is reserved: a count may say anything.
                if points
                    .checked_mul(size)
                    .is_none_or(|bytes| bytes > rest.len())
                {
                    return Err(format!("a ring of {points} points in {} bytes", rest.len()));
                }
                let mut found = Vec::with_capacity(points);
                for _ in 0..points {
                    let [x, y] = [double(rest, little)?, double(rest, little)?];
                    for _ in 0..extra {
                        take::<8>(rest)?;
                    }
                    if !x.is_finite() || !y.is_finite() {
                        return Err("a coordinate that is no number".into());
                    }
                    found.push([x, y]);
                }
                rings.extend(ring(found));
            }
            polygons.push(rings);
            Ok(())
        }
        6 | 7 => (0..count).try_for_each(|_| geometry(rest, polygons, depth + 1)),
        1 | 4 => Err("a point; labels are polygons".into()),
        2 | 5 => Err("a line; labels are polygons".into()),
        other => Err(format!("geometry type {other}; labels are polygons")),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or("it ends early")?;
    *rest = after;
    Ok(*first)
}

fn number(rest: &mut &[u8], little: bool) -> Result<u32, String> {
    let bytes = take::<4>(rest)?;
    Ok(if little {
        u32::from_le_bytes(bytes)
    } else {
        u32::from_be_bytes(bytes)
    })
}

fn double(rest: &mut &[u8], little: bool) -> Result<f64, String> {
    let bytes = take::<8>(rest)?;
    Ok(if little {
        f64::from_le_bytes(bytes)
    } else {
        f64::from_be_bytes(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(order: u8, code: u32, extra: usize) -> Vec<u8> {
        let number = |n: u32| {
            if order == 1 {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let mut bytes = vec![order];
        bytes.extend(number(code));
        bytes.extend(number(1));
        bytes.extend(number(5));
        for [x, y] in [
            [0.0f64, 0.0],
            [4.0, 0.0],
            [4.0, 3.0],
            [0.0, 3.0],
            [0.0, 0.0],
        ] {
            for value in [x, y].into_iter().chain(std::iter::repeat_n(9.0, extra)) {
                bytes.extend(if order == 1 {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                });
            }
        }
        bytes
    }

    #[test]
    fn both_orders_and_further_dimensions() {
        let expected = vec![vec![vec![[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]]];
        for (code, extra) in [(3, 0), (1003, 1), (2003, 1), (3003, 2), (0x8000_0003, 1)] {
            for order in [0, 1] {
                assert_eq!(
                    polygons(&square(order, code, extra)).unwrap(),
                    expected,
                    "{code}"
                );
            }
        }
        let mut many = vec![1, 6, 0, 0, 0, 2, 0, 0, 0];
        many.extend(square(1, 3, 0));
        many.extend(square(0, 3, 0));
        assert_eq!(polygons(&many).unwrap().len(), 2);
    }

    #[test]
    fn what_is_cut_or_changed_never_panics() {
        let good = square(1, 3, 0);
        for end in 0..good.len() {
            assert!(polygons(&good[..end]).is_err());
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                let _ = polygons(&changed);
            }
        }
        let mut nested = Vec::new();
        (0..1000).for_each(|_| nested.extend([1, 7, 0, 0, 0, 1, 0, 0, 0]));
        assert!(polygons(&nested).is_err());
    }
}
