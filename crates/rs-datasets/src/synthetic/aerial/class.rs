//! Classes of the aerial scenes.

/// What is drawn; names are DOTA's. The order is that of falling frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AerialClass {
    /// Cars.
    SmallVehicle,
    /// Ships and boats, on water.
    Ship,
    /// Lorries and buses.
    LargeVehicle,
    /// Aeroplanes.
    Plane,
    /// Round tanks; their boxes are parallel to the axes, as DOTA labels them.
    StorageTank,
    /// Tennis courts.
    TennisCourt,
    /// Swimming pools.
    SwimmingPool,
    /// Basketball courts.
    BasketballCourt,
    /// Roundabouts; their boxes are parallel to the axes.
    Roundabout,
    /// Helicopters.
    Helicopter,
}

impl AerialClass {
    /// All classes in the order of their index.
    pub const ALL: [Self; 10] = [
        Self::SmallVehicle,
        Self::Ship,
        Self::LargeVehicle,
        Self::Plane,
        Self::StorageTank,
        Self::TennisCourt,
        Self::SwimmingPool,
        Self::BasketballCourt,
        Self::Roundabout,
        Self::Helicopter,
    ];

    /// Name of the class, as in DOTA.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmallVehicle => "small-vehicle",
            Self::Ship => "ship",
            Self::LargeVehicle => "large-vehicle",
            Self::Plane => "plane",
            Self::StorageTank => "storage-tank",
            Self::TennisCourt => "tennis-court",
            Self::SwimmingPool => "swimming-pool",
            Self::BasketballCourt => "basketball-court",
            Self::Roundabout => "roundabout",
            Self::Helicopter => "helicopter",
        }
    }

    /// Whether it lies on water instead of land.
    pub(super) fn on_water(self) -> bool {
        self == Self::Ship
    }

    /// Whether it looks the same from all sides and is boxed along the axes.
    pub(super) fn is_round(self) -> bool {
        matches!(self, Self::StorageTank | Self::Roundabout)
    }

    /// Least and largest length in pixels, and least and largest width as a share of it.
    pub(super) fn extent(self) -> ([f64; 2], [f64; 2]) {
        match self {
            Self::SmallVehicle => ([10.0, 15.0], [0.42, 0.5]),
            Self::Ship => ([24.0, 78.0], [0.2, 0.3]),
            Self::LargeVehicle => ([22.0, 38.0], [0.25, 0.32]),
            Self::Plane => ([36.0, 72.0], [0.85, 1.0]),
            Self::StorageTank => ([20.0, 46.0], [1.0, 1.0]),
            Self::TennisCourt => ([44.0, 52.0], [0.46, 0.5]),
            Self::SwimmingPool => ([18.0, 34.0], [0.45, 0.65]),
            Self::BasketballCourt => ([40.0, 48.0], [0.52, 0.58]),
            Self::Roundabout => ([56.0, 84.0], [1.0, 1.0]),
            Self::Helicopter => ([24.0, 36.0], [0.6, 0.75]),
        }
    }
}
