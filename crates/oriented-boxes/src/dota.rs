//! Class lists of DOTA and their long-tailed groups.

use std::fmt;

/// A published version of DOTA. Later ones add classes (and label smaller objects), so the lists are prefixes of one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DotaVersion {
    /// 2018: 15 classes, 188,282 objects.
    #[default]
    V1_0,
    /// 2019: container-crane added, objects of less than 10 pixels labelled.
    V1_5,
    /// 2021: airport and helipad added.
    V2_0,
}

/// All classes in the order of the development kit, then those of the later versions.
const CLASSES: [&str; 18] = [
    "plane",
    "baseball-diamond",
    "bridge",
    "ground-track-field",
    "small-vehicle",
    "large-vehicle",
    "ship",
    "tennis-court",
    "basketball-court",
    "storage-tank",
    "soccer-ball-field",
    "roundabout",
    "harbor",
    "swimming-pool",
    "helicopter",
    "container-crane",
    "airport",
    "helipad",
];

impl DotaVersion {
    /// All versions.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_5, Self::V2_0];

    /// Names of the classes; a class index counts in this list.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Self::V1_0 => &CLASSES[..15],
            Self::V1_5 => &CLASSES[..16],
            Self::V2_0 => &CLASSES,
        }
    }

    /// The version of `1.0`, `1.5` or `2.0`, with or without a `v` in front.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| text.trim_start_matches(['v', 'V']) == version.to_string())
    }
}

impl fmt::Display for DotaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_0 => "1.0",
            Self::V1_5 => "1.5",
            Self::V2_0 => "2.0",
        })
    }
}

/// One group of classes.
pub type Group = (&'static str, &'static [&'static str]);

/// Head, middle and tail of DOTA v1.0 as the first release of debLoRA's code has them.
///
/// A later state of that code counts `plane` as middle: [`groups_with_plane_in_the_middle`].
pub const DEBLORA_GROUPS: [Group; 3] = [
    ("head", &["ship", "small-vehicle", "large-vehicle", "plane"]),
    (
        "middle",
        &[
            "harbor",
            "storage-tank",
            "tennis-court",
            "bridge",
            "swimming-pool",
        ],
    ),
    (
        "tail",
        &[
            "helicopter",
            "basketball-court",
            "baseball-diamond",
            "roundabout",
            "soccer-ball-field",
            "ground-track-field",
        ],
    ),
];

/// The groups of a later state of debLoRA's code.
pub fn groups_with_plane_in_the_middle() -> [Group; 3] {
    let [_, _, tail] = DEBLORA_GROUPS;
    [
        ("head", &["ship", "small-vehicle", "large-vehicle"]),
        (
            "middle",
            &[
                "plane",
                "harbor",
                "storage-tank",
                "tennis-court",
                "bridge",
                "swimming-pool",
            ],
        ),
        tail,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_and_nested() {
        for version in DotaVersion::ALL {
            assert_eq!(DotaVersion::parse(&version.to_string()), Some(version));
            assert_eq!(DotaVersion::parse(&format!("v{version}")), Some(version));
            assert!(CLASSES.starts_with(version.classes()));
        }
        assert_eq!(DotaVersion::parse("3.0"), None);
    }

    #[test]
    fn both_groupings_partition_the_classes_of_v1() {
        for groups in [DEBLORA_GROUPS, groups_with_plane_in_the_middle()] {
            let mut all: Vec<&str> = groups
                .iter()
                .flat_map(|(_, names)| names.to_vec())
                .collect();
            all.sort_unstable();
            let mut classes = DotaVersion::V1_0.classes().to_vec();
            classes.sort_unstable();
            assert_eq!(all, classes);
        }
    }
}
